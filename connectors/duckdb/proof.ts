/** Proof that new files are what the commit says, before anyone sees them. I/O. */
import { ConnectorError } from '../errors.ts'
import type { RegisteredFile, TableRegistration } from '../ports.ts'
import type { Database } from './instance.ts'
import { identifier } from './quote.ts'
import { readParquet } from './scan.ts'

const FILES_PER_QUERY = 500
const NAMED_FILES = 5

/**
 * Reads the `_op` column of every file and compares its rows with the commit's. Throws `PROOF` naming the table and up to
 * five files that are missing, damaged or of another number of rows.
 */
export async function proveRows(database: Database, table: TableRegistration, files: readonly RegisteredFile[]): Promise<void> {
  const wrong: string[] = []
  let cause: unknown
  for (let start = 0; start < files.length; start += FILES_PER_QUERY) {
    const some = files.slice(start, start + FILES_PER_QUERY)
    try {
      wrong.push(...differences(some, await countRows(database, some)))
    } catch (error) {
      cause = error
      for (const file of some) {
        try {
          wrong.push(...differences([file], await countRows(database, [file])))
        } catch {
          wrong.push(`"${file.key}" cannot be read`)
        }
      }
    }
  }
  if (wrong.length === 0 && cause === undefined) return
  const named = wrong.slice(0, NAMED_FILES).join('; ')
  const more = wrong.length > NAMED_FILES ? `; and ${wrong.length - NAMED_FILES} more` : ''
  throw new ConnectorError(
    'PROOF',
    `Files of "${table.table}" differ from the commit: ${named}${more}. Nothing was registered; compare the files with the log, or take the table anew with "portage resync <integration> ${table.table}"`,
    { cause },
  )
}

function differences(files: readonly RegisteredFile[], counts: ReadonlyMap<string, number>): readonly string[] {
  return files.flatMap((file) => {
    const found = counts.get(file.address) ?? 0
    return found === file.rows ? [] : [`"${file.key}" holds ${found} rows, the commit says ${file.rows}`]
  })
}

async function countRows(database: Database, files: readonly RegisteredFile[]): Promise<ReadonlyMap<string, number>> {
  const source = identifier('portage file')
  const scan = readParquet(files, `, filename = 'portage file'`)
  const rows = await database.rows(`select ${source}, count(_op) from ${scan} group by ${source}`)
  return new Map(rows.map((row) => [String(row[0]), Number(row[1])]))
}
