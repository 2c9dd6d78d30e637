/** What changed between two schema versions, as the kinds that have a policy. Pure. */
import type { Column, TableSchema } from '../../connectors/change.ts'
import { typeName } from '../../connectors/logical-type.ts'
import { canWiden } from '../types/widening.ts'
import { sourceTypeChange } from './source-type-change.ts'

/** In the words of `schema_changes` in the YAML. */
export type SchemaChangeKind =
  | 'add_table'
  | 'drop_table'
  | 'recreate_table'
  | 'add_column'
  | 'drop_column'
  | 'rename_column'
  | 'widen_column'
  | 'narrow_column'
  | 'change_key'
  | 'change_identity'

/** `column` is the name that the later version gives it, or the last one it had; null for what concerns the whole table. */
export type SchemaChange = {
  readonly kind: SchemaChangeKind
  readonly column: string | null
  /** In words: `column "note" dropped`. */
  readonly text: string
  /** Asked for by the integration's own YAML (excluded, masked, renamed there, carried as another type), not made in the source. */
  readonly configured?: true
}

/**
 * Everything that a warehouse which shows `from` must accept to show `to`; empty when both have the same shape, whatever happened
 * between them. `from` null: the table was never shown. Comments and a new NOT NULL are no change of shape.
 */
export function schemaChanges(from: TableSchema | null, to: TableSchema): readonly SchemaChange[] {
  if (from === null) return [{ kind: 'add_table', column: null, text: 'table added' }]
  if (from.id !== to.id) return [{ kind: 'recreate_table', column: null, text: 'table dropped and created again' }]
  const before = from.columns.filter((column) => !column.dropped)
  const after = to.columns.filter((column) => !column.dropped)
  const changes: SchemaChange[] = []
  const matched = new Set<Column>()
  for (const old of before) {
    const now = after.find(({ physical }) => physical === old.physical) ?? after.find(({ id }) => id === old.id)
    if (now === undefined) {
      const { name } = old
      const excluded = to.withheld?.some(({ id }) => id === old.id) === true
      if (excluded) changes.push({ kind: 'drop_column', column: name, text: `column "${name}" excluded`, configured: true })
      else changes.push({ kind: 'drop_column', column: name, text: `column "${name}" dropped` })
      continue
    }
    matched.add(now)
    changes.push(...columnChanges(old, now))
  }
  for (const column of after) {
    if (matched.has(column)) continue
    const { id, name } = column
    const was = from.withheld?.some((each) => each.id === id) === true
    if (was) changes.push({ kind: 'add_column', column: name, text: `column "${name}" no longer excluded`, configured: true })
    else changes.push({ kind: 'add_column', column: name, text: `column "${name}" added` })
  }
  const [keyBefore, keyAfter] = [keyIds(from), keyIds(to)]
  if (keyBefore.join() !== keyAfter.join()) {
    changes.push({ kind: 'change_key', column: null, text: `key changed from ${keyText(from)} to ${keyText(to)}` })
  }
  if (from.identity !== to.identity) {
    const text = `replica identity changed from ${from.identity} to ${to.identity}`
    changes.push({ kind: 'change_identity', column: null, text })
  }
  return changes
}

function columnChanges(old: Column, now: Column): readonly SchemaChange[] {
  const changes: SchemaChange[] = []
  const { name } = now
  if (old.name !== name) {
    const configured = sourceName(old) === sourceName(now)
    const text = `column "${old.name}" renamed to "${name}"`
    changes.push({ kind: 'rename_column', column: name, text, ...(configured ? { configured } : {}) })
  }
  const kind = typeChange(old, now)
  if (old.policy?.mask !== now.policy?.mask) {
    const masked =
      now.policy?.mask === undefined ? 'no longer masked' : old.policy?.mask === undefined ? 'masked' : 'masked otherwise'
    changes.push({ kind: 'narrow_column', column: name, text: `column "${name}" ${masked}`, configured: true })
  } else if (kind !== null && old.sourceType === now.sourceType) {
    const text = `column "${name}" carried as ${typeName(now.type)} instead of ${typeName(old.type)}`
    changes.push({ kind, column: name, text, configured: true })
  } else if (kind !== null) {
    changes.push({ kind, column: name, text: `column "${name}" changed from ${old.sourceType} to ${now.sourceType}` })
  }
  if (!old.nullable && now.nullable) {
    changes.push({ kind: 'widen_column', column: name, text: `column "${name}" may be null now` })
  }
  return changes
}

const sourceName = ({ name, policy }: Column): string => policy?.name ?? name

/** A type that no longer holds every value that it held narrows; so does one whose values must be read anew. */
function typeChange(old: Column, now: Column): 'widen_column' | 'narrow_column' | null {
  if (old.physical !== now.physical) return 'narrow_column'
  if (typeName(old.type) !== typeName(now.type)) return canWiden(old.type, now.type) ? 'widen_column' : 'narrow_column'
  const change = sourceTypeChange(old.sourceType, now.sourceType)
  return change === 'same' ? null : change === 'wider' ? 'widen_column' : 'narrow_column'
}

const keyColumns = ({ key, columns }: TableSchema): readonly (Column | undefined)[] =>
  key.map((physical) => columns.find((column) => column.physical === physical))

const keyIds = (schema: TableSchema): readonly (number | undefined)[] => keyColumns(schema).map((column) => column?.id)

function keyText(schema: TableSchema): string {
  return schema.key.length === 0
    ? 'none'
    : `(${keyColumns(schema)
        .map((column) => column?.name)
        .join(', ')})`
}
