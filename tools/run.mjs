/**
 * What every npm script starts: `node tools/run.mjs <program> [argument …]`, where the program is a file of this
 * repository or the command of an installed package. Sets the clone up first when needed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { forward } from './forward.mjs'
import { ensureSetup, environmentFor, ROOT } from './setup.mjs'

/** @param {string} program */
function fileOf(program) {
  const own = join(ROOT, program)
  if (/\.(mjs|ts)$/.test(program) && existsSync(own)) return own
  const home = join(
    ROOT,
    'node_modules',
    ...(program === 'biome' ? ['@biomejs', 'biome'] : program === 'tsc' ? ['typescript'] : [program]),
  )
  const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  return join(home, typeof bin === 'string' ? bin : bin[program])
}

const [program, ...args] = process.argv.slice(2)
try {
  if (program === undefined) throw new Error('Usage: node tools/run.mjs <program> [argument …]')
  const node = await ensureSetup()
  process.exitCode = await forward(node, [fileOf(program), ...args], environmentFor(node))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
