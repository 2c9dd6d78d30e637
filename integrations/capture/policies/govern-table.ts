/**
 * Column policies applied to the description of a table, and taken off again. Pure.
 *
 * A column that was masked or left out stays so until the configuration says otherwise by name: a rename in the source must not
 * reveal it. Hence the log keeps what was applied, and `recorded` brings it back.
 */
import { createHash } from 'node:crypto'
import { METADATA_COLUMNS, type SourceColumn, type SourceTable, type WithheldColumn } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { compileFilter, type RowTest } from './filter-rows.ts'
import { isInjective, type Mask, maskedType, maskName, maskText } from './mask.ts'
import type { ColumnPolicy, PolicyRules } from './rules.ts'

export type GovernedTable = {
  /** As the source describes it. */
  readonly raw: SourceTable
  /** As the lake is to have it. */
  readonly table: SourceTable
  /** By column id. */
  readonly masks: ReadonlyMap<number, Mask>
  /** Null: every row is carried. */
  readonly test: RowTest | null
}

/** What is known of a table's columns beside this description of it. */
export type ColumnHistory = {
  /** Names in the source's catalogue now: log records may still carry older ones. */
  readonly current: ReadonlyMap<number, string>
  /** What the log has: the mask of masked columns, and which were left out. */
  readonly recorded: ReadonlyMap<number, { readonly mask: string } | 'withheld'>
}

export const NO_HISTORY: ColumnHistory = { current: new Map(), recorded: new Map() }

/**
 * The table as the rules make it. Throws `CONFIGURATION` when they cannot be carried out, with every problem;
 * `onKept` is told of columns that stay hidden although no rule names them any more.
 */
export function governTable(
  raw: SourceTable,
  rules: PolicyRules,
  history: ColumnHistory = NO_HISTORY,
  onKept: (column: string) => void = () => undefined,
): GovernedTable {
  const problems: string[] = []
  const masks = new Map<number, Mask>()
  const withheld: WithheldColumn[] = []
  const columns: SourceColumn[] = []
  for (const column of raw.columns) {
    const subject = `Column "${raw.table}.${column.name}"`
    const { policy, kept } = effective(raw, column, rules, history, subject, problems)
    if (kept) onKept(column.name)
    const isKey = raw.key.includes(column.id)
    if (policy.exclude) {
      if (isKey) problems.push(`${subject} is part of the key and cannot be left out; mask it with hmac_sha256`)
      const { id, name, type, sourceType, nullable } = column
      withheld.push({ id, name, type, sourceType, nullable })
      continue
    }
    if (policy.mask !== undefined) {
      masks.set(column.id, policy.mask)
      if (isKey && !isInjective(policy.mask)) {
        problems.push(`${subject} is part of the key; the mask ${policy.mask.kind} makes different keys alike. Use hmac_sha256`)
      }
    }
    columns.push(governColumn(column, policy))
  }
  problems.push(...nameProblems(raw, columns))
  const filter = rules.filter(raw.table)
  const compiled = filter === null ? null : compileFilter(filter.filter, raw, history.current)
  if (compiled !== null && 'problem' in compiled) problems.push(`Row filter of "${raw.table}": ${compiled.problem}`)
  if (problems.length > 0)
    throw new ConnectorError('CONFIGURATION', `${problems.join('; ')}. Correct columns and tables in the YAML`)
  const token = filter === null ? '' : `#f${createHash('sha256').update(filter.text).digest('hex').slice(0, 8)}`
  const plain = columns.length === raw.columns.length && columns.every((column, index) => column === raw.columns[index])
  const table: SourceTable =
    plain && token === ''
      ? raw
      : {
          ...raw,
          columns,
          // Another filter makes other rows of the table, as a rewrite of the storage does.
          storage: raw.storage + token,
          definition: raw.definition + token,
          ...(withheld.length === 0 ? {} : { withheld }),
        }
  return { raw, table, masks, test: compiled !== null && 'test' in compiled ? compiled.test : null }
}

/** The table as its source knows it, from what the log keeps of the governed one. */
export function ungovernTable(table: SourceTable): SourceTable {
  const { withheld = [], ...rest } = table
  const columns = table.columns.map((column) => {
    const { policy, ...plain } = column
    if (policy === undefined) return column
    const { initial, ...unmasked } = plain
    const raw = policy.mask === undefined ? plain : unmasked
    return { ...raw, name: policy.name, type: policy.type }
  })
  return {
    ...rest,
    columns: [...columns, ...withheld].toSorted((a, b) => a.id - b.id),
    storage: withoutToken(table.storage),
    definition: withoutToken(table.definition),
  }
}

/** Equal for tables whose columns are hidden alike: rows of the one can be landed as the other. */
export function policyShape(table: SourceTable): string {
  const columns = table.columns.map(({ id, policy }) => [id, policy?.mask ?? null]).filter(([, mask]) => mask !== null)
  return JSON.stringify([columns, (table.withheld ?? []).map(({ id }) => id)])
}

const withoutToken = (text: string): string => text.replace(/#f[0-9a-f]{8}$/, '')

type Effective = {
  readonly policy: { readonly exclude: boolean; readonly mask?: Mask; readonly rename?: string }
  readonly kept: boolean
}

function effective(
  { table }: SourceTable,
  column: SourceColumn,
  rules: PolicyRules,
  { current, recorded }: ColumnHistory,
  subject: string,
  problems: string[],
): Effective {
  const now = current.get(column.id)
  const named = [rules.column(table, column.name), now === undefined ? null : rules.column(table, now)]
  const first = <Key extends keyof ColumnPolicy>(key: Key): ColumnPolicy[Key] | undefined =>
    named.find((policy) => policy?.[key] !== undefined)?.[key]
  const [exclude, mask, rename] = [first('exclude'), first('mask'), first('rename')]
  const renamed = rename === undefined ? {} : { rename }
  const before = recorded.get(column.id)
  if (exclude ?? (before === 'withheld' && mask === undefined)) return { policy: { exclude: true }, kept: exclude === undefined }
  if (mask !== undefined) return { policy: { exclude: false, ...renamed, ...(mask === 'none' ? {} : { mask }) }, kept: false }
  if (before === undefined || before === 'withheld') return { policy: { exclude: false, ...renamed }, kept: false }
  const known = rules.masks.find((each) => maskName(each) === before.mask)
  if (known !== undefined) return { policy: { exclude: false, ...renamed, mask: known }, kept: true }
  problems.push(
    `${subject} has been masked until now (${before.mask}) and no rule masks it any more: to land its values as they are, say "mask: none" for it`,
  )
  return { policy: { exclude: true }, kept: false }
}

function governColumn(column: SourceColumn, { mask, rename }: Effective['policy']): SourceColumn {
  if (mask === undefined && (rename === undefined || rename === column.name)) return column
  const { initial } = column
  const shown =
    initial === undefined || mask === undefined
      ? initial
      : { ...initial, text: initial.text === null ? null : maskText(mask, initial.text) }
  return {
    ...column,
    name: rename ?? column.name,
    type: mask === undefined ? column.type : maskedType(mask, column.type),
    policy: { name: column.name, type: column.type, ...(mask === undefined ? {} : { mask: maskName(mask) }) },
    ...(shown === undefined ? {} : { initial: shown }),
  }
}

function nameProblems({ table }: SourceTable, columns: readonly SourceColumn[]): readonly string[] {
  const seen = new Map<string, SourceColumn>()
  const problems: string[] = []
  for (const column of columns) {
    const other = seen.get(column.name)
    const renamed = [column, other].find((each) => each?.policy !== undefined && each.policy.name !== each.name)
    seen.set(column.name, column)
    if (renamed?.policy === undefined) continue
    const subject = `Column "${table}.${renamed.policy.name}" cannot be renamed to "${renamed.name}":`
    if (other !== undefined) problems.push(`${subject} the table has a column of that name`)
    if ((METADATA_COLUMNS as readonly string[]).includes(renamed.name))
      problems.push(`${subject} Portage keeps that name for itself`)
  }
  return problems
}
