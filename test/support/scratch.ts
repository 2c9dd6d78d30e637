/** A directory of one's own with files, deleted on disposal. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type Scratch = Disposable & {
  readonly dir: string
  readonly path: (...parts: readonly string[]) => string
  readonly write: (name: string, content: string | Uint8Array) => void
  readonly read: (...parts: readonly string[]) => string
}

export function scratch(files: Readonly<Record<string, string>> = {}): Scratch {
  const dir = mkdtempSync(join(tmpdir(), 'portage-test-'))
  const path = (...parts: readonly string[]): string => join(dir, ...parts)
  const write = (name: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), content)
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  return {
    dir,
    path,
    write,
    read: (...parts) => readFileSync(path(...parts), 'utf8'),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}
