/** LIST and REMOVE of a stage's files. I/O. */
import type { StatementResult } from '../../engine.ts'
import { type Run, STATEMENT } from '../run.ts'
import { keyPrefix, stagePlace } from '../stage/buckets.ts'
import type { StatementOf } from '../statement.ts'
import { number, text } from '../types.ts'
import { tableResult } from '../wire.ts'

export async function stageFiles(run: Run, statement: StatementOf<'list' | 'remove'>): Promise<StatementResult> {
  const stage = run.names.stage(statement.stage.name)
  run.access.demand(stage, 'USAGE')
  const bucket = await run.engine.buckets.open(stage.options)
  const { scheme, bucket: name } = stagePlace(stage.options.url)
  const pattern = statement.pattern === null ? null : new RegExp(`^(?:${statement.pattern})$`)
  const found = (await bucket.list(keyPrefix(stage, statement.stage.path), run.signal)).filter(
    ({ key }) => pattern?.test(key) ?? true,
  )
  if (statement.kind === 'list') {
    const columns = [
      ['name', text()],
      ['size', number(38)],
      ['md5', text()],
      ['last_modified', text()],
    ] as const
    return tableResult(
      columns,
      found.map(({ key, size, etag, lastModified }) => [`${scheme}://${name}/${key}`, size, etag, lastModified.toUTCString()]),
      STATEMENT.list,
    )
  }
  for (const { key } of found) await bucket.delete(key, run.signal)
  return tableResult(
    [
      ['name', text()],
      ['result', text()],
    ],
    found.map(({ key }) => [`${scheme}://${name}/${key}`, 'removed']),
    STATEMENT.list,
  )
}
