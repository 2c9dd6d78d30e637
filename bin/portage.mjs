#!/usr/bin/env node
/**
 * The command `portage`. Installed from npm it runs compiled JavaScript and needs a recent Node; in a clone it runs the
 * sources, sets the clone up when needed, and brings its own Node when the host's is too old.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const source = new URL('../orchestration/cli.ts', import.meta.url)
const compiled = new URL('../dist/orchestration/cli.js', import.meta.url)
const args = process.argv.slice(2)

async function start() {
  if (!existsSync(source)) {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    if (major < 24 || (major === 24 && minor < 12)) {
      process.stderr.write(`portage needs Node 24.12 or newer; this is ${process.version}\n`)
      return 2
    }
    return (await import(compiled.href)).main(args)
  }
  const { ensureSetup, environmentFor } = await import('../tools/setup.mjs')
  const node = await ensureSetup()
  if (node === process.execPath) return (await import(source.href)).main(args)
  const { forward } = await import('../tools/forward.mjs')
  return forward(node, [fileURLToPath(import.meta.url), ...args], environmentFor(node))
}

try {
  process.exitCode = await start()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

/**
 * A library may still be waiting for requests that were given up (Snowflake's driver repeats them for a minute): the command is over.
 * What was printed goes out first.
 */
function leave() {
  if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit()
  setTimeout(leave, 500).unref()
}
setTimeout(leave, 2_000).unref()
