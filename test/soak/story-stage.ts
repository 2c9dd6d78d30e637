/** The stage of the story: a PostgreSQL server, a directory to work in, the command line, and checks that say what they found. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startPostgres } from '../../orchestration/dev/embedded-postgres.ts'

const PORTAGE = fileURLToPath(new URL('../../bin/portage.mjs', import.meta.url))

/** How long something may take to appear. */
const PATIENCE_MS = 90_000
const LOOK_EVERY_MS = 400

/** The first answer that was wrong. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer'
}

export type Answer = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** A command that goes on. Disposal kills it, as a machine that stops would. */
export interface Running extends AsyncDisposable {
  readonly process: ChildProcess
  readonly ended: Promise<Answer>
}

export interface Stage extends AsyncDisposable {
  /** Everything of the story lies below it. */
  readonly root: string
  readonly url: string
  /** Runs statements in the source. Prints the first line. */
  source(sql: string): Promise<readonly (readonly (string | null)[])[]>
  /** Asks the source without a word. */
  ask(sql: string): Promise<readonly (readonly (string | null)[])[]>
  /** A command in a directory, told with its exit code. */
  portage(directory: string, ...argv: readonly string[]): Promise<Answer>
  /** As `portage`, without a word. */
  quietly(directory: string, ...argv: readonly string[]): Promise<Answer>
  start(directory: string, ...argv: readonly string[]): Running
}

export const say = (text = ''): void => void process.stdout.write(`${text}\n`)

/** Ends the story unless both are the same text. */
export function check(what: string, found: unknown, expected: unknown): void {
  const [now, wanted] = [text(found), text(expected)]
  if (now !== wanted) throw new WrongAnswer(`${what}\n      expected ${wanted}\n      found    ${now}`)
  say(`  ok   ${what}`)
}

/** Ends the story unless the text is there. */
export function shows(what: string, found: string, part: string | RegExp): void {
  const there = typeof part === 'string' ? found.includes(part) : part.test(found)
  if (!there) throw new WrongAnswer(`${what}\n      expected ${part}\n      found    ${found.slice(0, 2_000)}`)
  say(`  ok   ${what}`)
}

/** As `check`, as soon as the answer is right; ends the story when it is not in time. */
export async function eventually(what: string, ask: () => Promise<unknown>, expected: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const [found, wanted] = [await ask(), await expected()]
    if (text(found) === text(wanted) || Date.now() > deadline) return check(what, found, wanted)
    await delay(LOOK_EVERY_MS)
  }
}

const text = (value: unknown): string => {
  const said = typeof value === 'string' ? value : JSON.stringify(value)
  return said.length > 400 ? `${said.slice(0, 200)} … ${said.slice(-200)}` : said
}

/** An argument as a person would type it; an address without its password. */
function spelled(argument: string): string {
  const safe = argument.replace(/:\/\/([^:@/]+):[^@/]+@/, '://$1:…@')
  return /[\s*]/.test(safe) ? `"${safe}"` : safe
}

/** Starts the server; disposal stops it and removes everything. */
export async function openStage(): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'portage-story-'))
  stack.defer(() => rm(root, { recursive: true, force: true }))
  const server = stack.use(await startPostgres())
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  stack.defer(() => client.end())
  const env = { ...process.env, NO_COLOR: '1', CORE_PASSWORD: server.password }

  const ask: Stage['ask'] = async (sql) => {
    // Several statements give several results.
    const results = [await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })].flat()
    return (results.at(-1)?.rows ?? []).map((row) => row.map((value) => (value === null ? null : String(value))))
  }
  const start: Stage['start'] = (directory, ...argv) => {
    const child = spawn(process.execPath, [PORTAGE, ...argv], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err]: [string[], string[]] = [[], []]
    child.stdout.on('data', (data: Buffer) => out.push(data.toString()))
    child.stderr.on('data', (data: Buffer) => err.push(data.toString()))
    const ended = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: out.join(''),
      stderr: err.join(''),
    }))
    return {
      process: child,
      ended,
      [Symbol.asyncDispose]: async () => {
        child.kill('SIGKILL')
        await ended
      },
    }
  }
  const quietly: Stage['quietly'] = async (directory, ...argv) => {
    await using running = start(directory, ...argv)
    return await running.ended
  }
  const kept = stack.move()
  return {
    root,
    url: server.url,
    ask,
    source: (sql) => {
      say(`  sql  ${sql.split('\n')[0]}`)
      return ask(sql)
    },
    start: (directory, ...argv) => {
      say(`  $    portage ${argv.join(' ')} &`)
      return start(directory, ...argv)
    },
    quietly,
    portage: async (directory, ...argv) => {
      say(`  $    portage ${argv.map(spelled).join(' ')}`)
      return quietly(directory, ...argv)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
