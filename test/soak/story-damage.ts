/** Damages a lake as a bad disk would: one byte of one value, in place. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Changes the first letter of a text in the base files of a table. Throws when no file has it. */
export async function damageOneValue(lake: string, table: string, value: string): Promise<void> {
  const files = await readdir(lake, { recursive: true })
  for (const file of files.filter((each) => each.includes(`public.${table}/base/`) && each.endsWith('.parquet'))) {
    const path = join(lake, file)
    const bytes = await readFile(path)
    const at = bytes.indexOf(Buffer.from(value))
    if (at < 0) continue
    bytes[at] = (bytes[at] ?? 0) ^ 0x20
    await writeFile(path, bytes)
    return
  }
  throw new Error(`no base file of ${table} holds "${value}"`)
}
