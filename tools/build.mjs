/** Compiles the sources to `dist/` for the published package: Node does not strip types below node_modules. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { forward } from './forward.mjs'
import { ROOT } from './setup.mjs'

await rm(join(ROOT, 'dist'), { recursive: true, force: true })
const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
process.exitCode = await forward(process.execPath, [tsc, '--project', join(ROOT, 'tsconfig.build.json')], process.env)
