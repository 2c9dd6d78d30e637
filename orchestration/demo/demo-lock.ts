/** One demo at a time per directory: a second one would empty the lake of the first. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '../exit-codes.ts'

/** Held until disposed; that of a process which is gone is taken over. Throws `UsageError` naming who holds it. */
export async function lockDemo(dir: string): Promise<AsyncDisposable> {
  const path = `${dir}.lock`
  await mkdir(dirname(path), { recursive: true })
  for (;;) {
    try {
      await writeFile(path, `${process.pid}`, { flag: 'wx' })
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''))
    if (holder > 0 && isAlive(holder)) {
      throw new UsageError(`A demo already runs in "${dir}" (process ${holder}). Wait for its end, or start this one elsewhere`)
    }
    await rm(path, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
