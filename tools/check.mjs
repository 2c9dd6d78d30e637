/** `npm run check`: types, then lint and format, then what the lock file and the manifest must keep. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { forward } from './forward.mjs'
import { inexactVersions } from './manifest.mjs'
import { ROOT } from './setup.mjs'

/** @type {readonly (readonly [string, string, readonly string[]])[]} */
const STEPS = [
  ['types', join('node_modules', 'typescript', 'bin', 'tsc'), ['--project', ROOT]],
  ['lint and format', join('node_modules', '@biomejs', 'biome', 'bin', 'biome'), ['ci', '--error-on-warnings', ROOT]],
]

let failed = false
for (const [name, file, args] of STEPS) {
  const code = await forward(process.execPath, [join(ROOT, file), ...args], process.env)
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}\n`)
  failed ||= code !== 0
}
for (const manifest of ['package.json', 'tools/node/package.json']) {
  const inexact = inexactVersions(JSON.parse(readFileSync(join(ROOT, manifest), 'utf8')))
  process.stdout.write(
    `${inexact.length === 0 ? 'ok    ' : 'FAILED'} exact versions in ${manifest}${inexact.map((line) => `\n       ${line}`).join('')}\n`,
  )
  failed ||= inexact.length > 0
}
process.exitCode = failed ? 1 : 0
