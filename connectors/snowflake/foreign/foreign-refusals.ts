/** Files whose rows are not what the files say: tables of transactional and versioned formats. Pure. */
import { ConnectorError } from '../../errors.ts'
import type { ForeignTable } from '../../manifest.ts'

const ACID_PATH = /(?:^|\/)(?:base_\d+(?:_v\d+)?|(?:delta|delete_delta)_\d+_\d+(?:_\d+)?(?:_v\d+)?)\//
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)\.hoodie(?:\/|_|$)/, 'Hudi'],
  [/(?:^|\/)_delta_log\//, 'Delta Lake'],
  [/(?:^|\/)metadata\/[^/]+\.metadata\.json$/, 'Iceberg'],
]

/** The struct around every row of a transactional table, in the tail of its files. */
const ACID_COLUMNS = ['operation', 'originaltransaction', 'bucket', 'rowid', 'currenttransaction', 'row']

/** The owner's table property is looked at where the catalogue is read; here paths and columns. Throws `UNSUPPORTED`. */
export function refuseTransactional({ subject, columns, partitions }: ForeignTable): void {
  const refused = (what: string, cure: string): ConnectorError =>
    new ConnectorError('UNSUPPORTED', `${subject} ${what}: its files hold deleted and replaced rows too. ${cure}`)
  const acid =
    'Have the owner write it into a table that is not transactional: CREATE EXTERNAL TABLE … STORED AS ORC, INSERT … SELECT'
  if (
    ACID_COLUMNS.every((name, index) => columns[index]?.name.toLowerCase() === name) &&
    columns.length === ACID_COLUMNS.length
  ) {
    throw refused('is transactional (its files have the six columns of one)', acid)
  }
  for (const { files, location } of partitions) {
    for (const { address, names } of files) {
      if (ACID_PATH.test(address) || ACID_PATH.test(`${location}/`)) throw refused(`is transactional ("${address}")`, acid)
      const other = OTHERS.find(([path]) => path.test(address))
      if (other !== undefined) {
        throw refused(`is a table of ${other[1]} ("${address}")`, `Let Snowflake read it through a catalogue of ${other[1]}`)
      }
      if (names !== undefined && ACID_COLUMNS.every((name, index) => names[index]?.toLowerCase() === name)) {
        throw refused(`is transactional ("${address}" has the six columns of one)`, acid)
      }
    }
  }
}
