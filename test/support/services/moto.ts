/** moto's S3, an implementation by others, as a second opinion on ours. One process on 127.0.0.1, everything in its memory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pythonEnvironment } from '../python.ts'

export const S3_REQUIREMENTS = fileURLToPath(new URL('../../services/s3-requirements.txt', import.meta.url))
const START_TIMEOUT_MS = 60_000
const LISTENING = /Running on http:\/\/127\.0\.0\.1:(\d+)/

export type Moto = AsyncDisposable & { readonly url: string }

/** @throws Error with what it printed when it does not listen in time. */
export async function startMoto(): Promise<Moto> {
  const python = await pythonEnvironment(S3_REQUIREMENTS)
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PYTHONUNBUFFERED: '1', NO_COLOR: '1' },
  })
  const ended = once(child, 'exit')
  let said = ''
  const { promise: listening, resolve } = Promise.withResolvers<string>()
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length > 100_000) return
    said += chunk.toString()
    const port = LISTENING.exec(said)?.[1]
    if (port !== undefined) resolve(port)
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  const patience = new AbortController()
  const port = await Promise.race([
    listening,
    ended.then(() => null),
    delay(START_TIMEOUT_MS, null, { signal: patience.signal }).catch(() => null),
  ])
  patience.abort()
  if (port === null) {
    await stop()
    throw new Error(`moto_server did not start:\n${said}`)
  }
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop }
}
