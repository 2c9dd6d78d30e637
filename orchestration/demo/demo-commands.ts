/** Commands of the demo's story: typed as a user types them, run in this process, shown with what they say. I/O. */
import { relative } from 'node:path'
import pg from 'pg'
import type { ObjectStore, Warehouse } from '../../connectors/ports.ts'
import type { Io } from '../io.ts'
import type { DemoPlaces } from './demo-config.ts'
import { openDemoConfig } from './demo-opener.ts'

/** `text`: everything that was said, progress included; `answer`: standard output. */
export type Ended = { readonly code: number; readonly text: string; readonly answer: string }

export type DemoCommands = {
  readonly say: (text: string) => Promise<void>
  /** Shows the line and its output, long ones shortened. */
  readonly portage: (...argv: readonly string[]) => Promise<Ended>
  /** Without a word. */
  readonly quietly: (...argv: readonly string[]) => Promise<Ended>
  /** A line that says whether it is so; what is not fails the demo. */
  readonly expect: (so: boolean, text: string) => Promise<void>
  readonly failures: () => readonly string[]
}

/** Lines of a command's output that are shown. */
const MOST_LINES = 14

export function openDemoCommands(io: Io, places: DemoPlaces): DemoCommands {
  const failures: string[] = []
  const say = (text: string): Promise<void> => io.stdout.write(`${text}\n`)
  const quietly = async (...argv: readonly string[]): Promise<Ended> => {
    const { main } = await import('../cli.ts')
    const [said, answered]: [string[], string[]] = [[], []]
    const output = (...to: readonly string[][]) => ({
      write: async (chunk: string | Uint8Array): Promise<void> => {
        for (const each of to) each.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
      },
      isTerminal: false,
      columns: io.stdout.columns,
    })
    const own: Io = { ...io, stdout: output(said, answered), stderr: output(said) }
    const code = await main([...argv, '--config', places.config, '--state', places.state], own)
    return { code, text: said.join(''), answer: answered.join('') }
  }
  return {
    say,
    quietly,
    portage: async (...argv) => {
      await say(`\n$ portage ${argv.map(shellWord).join(' ')} --config ${relative('', places.config) || '.'}`)
      const ended = await quietly(...argv)
      const lines = (ended.code === 0 ? ended.answer : ended.text).trimEnd().split('\n')
      // What went wrong stands at the end.
      const shown = ended.code === 0 ? lines.slice(0, MOST_LINES) : lines.slice(-MOST_LINES)
      for (const line of shown) await say(`  ${line}`)
      if (lines.length > MOST_LINES) await say(`  … ${lines.length - MOST_LINES} lines more`)
      return ended
    },
    expect: async (so, text) => {
      if (!so) failures.push(text)
      await say(`${so ? 'ok   ' : 'WRONG'} ${text}`)
    },
    failures: () => failures,
  }
}

const shellWord = (word: string): string => (/^[\w./:@=%+-]+$/.test(word) ? word : `"${word.replaceAll('"', '\\"')}"`)

/** The demo's bucket and warehouse, as its configuration has them. */
export type DemoPorts = AsyncDisposable & { readonly store: ObjectStore; readonly warehouse: Warehouse }

export async function openDemoPorts(places: DemoPlaces, io: Io): Promise<DemoPorts> {
  const { opener } = openDemoConfig(places, io)
  const closing = new AsyncDisposableStack()
  return {
    store: closing.use(await opener.store('lake')),
    warehouse: closing.use(await opener.warehouse('snowflake')),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

export async function connectDemo(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
