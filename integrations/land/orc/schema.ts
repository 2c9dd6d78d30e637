/** ORC's type tree: ids in pre-order, the root a struct. And how Arrow types become ORC types. */
import { DataType, DateUnit, type Field, type Map_, type Schema } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { damaged, refused } from './damaged.ts'
import { type Type, TypeKind } from './messages.ts'

export type OrcType = {
  /** Column id: the place in the footer's list, in statistics and in streams. */
  readonly id: number
  readonly kind: TypeKind
  /** Dotted path for messages and inspection; the name itself may hold dots. */
  readonly path: string
  /** 0 for the root, 1 for top-level columns. */
  readonly depth: number
  readonly fieldNames: readonly string[]
  readonly children: readonly OrcType[]
  /** Ids of the type and everything below are [id, end). */
  readonly end: number
  /** char and varchar: characters. */
  readonly maximumLength: number
  readonly precision: number
  readonly scale: number
}

/** Field metadata key that asks for `char(n)` or `varchar(n)` instead of `string`. */
export const ORC_TYPE_KEY = 'orc.type'

/** Deeper nesting than this is refused before it exhausts the stack. */
export const MAX_DEPTH = 256
const MAX_TYPES = 200_000

type Draft = Omit<OrcType, 'id' | 'end' | 'depth' | 'children'> & { readonly children: readonly Draft[] }

const draft = (kind: TypeKind, path: string, more: Partial<Draft> = {}): Draft => ({
  kind,
  path,
  fieldNames: [],
  children: [],
  maximumLength: 0,
  precision: 0,
  scale: 0,
  ...more,
})

/** The ORC schema of an Arrow schema. Throws `UNSUPPORTED` naming the column for types that ORC or this writer lacks. */
export function orcSchema(schema: Schema, options: { readonly instants: boolean }): OrcType {
  const children = schema.fields.map((field) => draftOf(field, field.name, options))
  const root = draft(TypeKind.STRUCT, '', { fieldNames: schema.fields.map(({ name }) => name), children })
  return number(root, 0, 0)
}

function number(type: Draft, id: number, depth: number): OrcType {
  let next = id + 1
  const children = type.children.map((child) => {
    const numbered = number(child, next, depth + 1)
    next = numbered.end
    return numbered
  })
  return { ...type, id, depth, children, end: next }
}

function draftOf(field: Field, path: string, options: { readonly instants: boolean }): Draft {
  const type: DataType = DataType.isDictionary(field.type) ? field.type.dictionary : field.type
  if (DataType.isBool(type)) return draft(TypeKind.BOOLEAN, path)
  if (DataType.isInt(type) && type.isSigned) {
    const kinds = { 8: TypeKind.BYTE, 16: TypeKind.SHORT, 32: TypeKind.INT, 64: TypeKind.LONG } as const
    return draft(kinds[type.bitWidth], path)
  }
  if (DataType.isFloat(type) && type.precision > 0) return draft(type.precision === 1 ? TypeKind.FLOAT : TypeKind.DOUBLE, path)
  if (DataType.isUtf8(type)) return textType(field, path)
  if (DataType.isBinary(type) || DataType.isFixedSizeBinary(type)) return draft(TypeKind.BINARY, path)
  if (
    DataType.isDecimal(type) &&
    type.bitWidth === 128 &&
    type.scale >= 0 &&
    type.scale <= type.precision &&
    type.precision <= 38
  ) {
    return draft(TypeKind.DECIMAL, path, { precision: type.precision, scale: type.scale })
  }
  if (DataType.isDate(type) && type.unit === DateUnit.DAY) return draft(TypeKind.DATE, path)
  if (DataType.isTimestamp(type)) {
    return draft(options.instants && type.timezone ? TypeKind.TIMESTAMP_INSTANT : TypeKind.TIMESTAMP, path)
  }
  const nested = (child: Field, step: string) => draftOf(child, `${path}.${step}`, options)
  if (DataType.isStruct(type)) {
    const children = type.children.map((child) => nested(child, child.name))
    return draft(TypeKind.STRUCT, path, { fieldNames: type.children.map(({ name }) => name), children })
  }
  if (DataType.isList(type)) return draft(TypeKind.LIST, path, { children: [nested(type.valueField, 'element')] })
  if (DataType.isMap(type)) {
    const [key, value] = (type as Map_).childType.children
    if (key !== undefined && value !== undefined) {
      return draft(TypeKind.MAP, path, { children: [nested(key, 'key'), nested(value, 'value')] })
    }
  }
  throw new ConnectorError(
    'UNSUPPORTED',
    `Column "${path}" has the Arrow type ${String(field.type)}, which has no ORC type here; expected bool, signed integers, ` +
      'float32, float64, decimal128, utf8, binary, date32, timestamp, list, map or struct: cast the column to one of them',
  )
}

/** `char(n)` and `varchar(n)` by field metadata, else `string`. */
function textType(field: Field, path: string): Draft {
  const wanted = field.metadata.get(ORC_TYPE_KEY)
  const match = wanted === undefined ? null : /^(char|varchar)\((\d{1,5})\)$/.exec(wanted)
  if (match === null) return draft(TypeKind.STRING, path)
  return draft(match[1] === 'char' ? TypeKind.CHAR : TypeKind.VARCHAR, path, { maximumLength: Number(match[2]) })
}

/** The footer's list of types, in id order. */
export function typeMessages(root: OrcType): Type[] {
  return flatten(root).map((type) => ({
    kind: type.kind,
    subtypes: type.children.map(({ id }) => id),
    fieldNames: [...type.fieldNames],
    ...(type.maximumLength > 0 ? { maximumLength: type.maximumLength } : {}),
    ...(type.kind === TypeKind.DECIMAL ? { precision: type.precision, scale: type.scale } : {}),
  }))
}

/** The type and everything below, in id order. */
export function flatten(root: OrcType): OrcType[] {
  return [root, ...root.children.flatMap(flatten)]
}

/** What each kind of ours needs of children. */
const ARITY: Partial<Record<TypeKind, number>> = { [TypeKind.LIST]: 1, [TypeKind.MAP]: 2 }

/** The type tree of a footer. Throws `FORMAT` unless it is a tree in pre-order, `UNSUPPORTED` for kinds beyond ORC v1. */
export function readTypes(types: readonly Type[]): OrcType {
  if (types.length === 0) throw damaged('footer', 'it has no types')
  if (types.length > MAX_TYPES) throw damaged('footer', `it has ${types.length} types`)
  const known = new Set<number>(Object.values(TypeKind))
  let next = 0
  const read = (expected: number, path: string, depth: number): OrcType => {
    const id = next++
    const type = types[id]
    // Pre-order makes cycles and shared types impossible: each id is used once, by the parent that stands before it.
    if (type === undefined || id !== expected) throw damaged('footer', `type ${expected} does not stand where its parent says`)
    if (depth > MAX_DEPTH) throw damaged('footer', `its types are nested deeper than ${MAX_DEPTH}`)
    const kind = type.kind ?? 0
    if (!known.has(kind)) throw refused(`has a column of type kind ${kind}`, 'write it without that column')
    const arity = ARITY[kind as TypeKind]
    const isParent = arity !== undefined || kind === TypeKind.STRUCT || kind === TypeKind.UNION
    if (arity !== undefined ? type.subtypes.length !== arity : !isParent && type.subtypes.length > 0) {
      throw damaged('footer', `a type of kind ${kind} has ${type.subtypes.length} subtypes`)
    }
    if (kind === TypeKind.STRUCT && type.fieldNames.length !== type.subtypes.length) {
      throw damaged('footer', `a struct has ${type.subtypes.length} subtypes and ${type.fieldNames.length} names`)
    }
    if (kind === TypeKind.UNION && type.subtypes.length > 256) throw damaged('footer', 'a union has more than 256 branches')
    const steps = kind === TypeKind.MAP ? ['key', 'value'] : kind === TypeKind.LIST ? ['element'] : type.fieldNames
    const children = type.subtypes.map((child, i) =>
      read(child, `${path === '' ? '' : `${path}.`}${steps[i] ?? String(i)}`, depth + 1),
    )
    const { precision, scale } = decimalOf(type)
    const maximumLength = type.maximumLength ?? 0
    return {
      id,
      kind: kind as TypeKind,
      path,
      depth,
      fieldNames: type.fieldNames,
      children,
      end: next,
      maximumLength,
      precision,
      scale,
    }
  }
  const root = read(0, '', 0)
  if (next !== types.length) throw damaged('footer', `${types.length - next} types belong to no column`)
  if (root.kind !== TypeKind.STRUCT) throw refused('has a root that is no struct', 'write it as a table')
  return root
}

/** Hive 0.11 and 0.12 wrote decimals without a precision: they hold up to 38 digits, and each value its own scale. */
function decimalOf(type: Type): { readonly precision: number; readonly scale: number } {
  if (type.kind !== TypeKind.DECIMAL) return { precision: 0, scale: 0 }
  const precision = type.precision || 38
  const scale = type.precision ? (type.scale ?? 0) : 18
  if (precision > 38 || scale > precision) throw damaged('footer', `a decimal(${precision},${scale})`)
  return { precision, scale }
}
