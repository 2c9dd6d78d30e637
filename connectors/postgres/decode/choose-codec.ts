/** Which operation carries a Postgres type into a logical type, from the send form and from text. */
import type { LogicalType } from '../../logical-type.ts'
import type { Render } from './binary-text.ts'
import type { JsonRenderer } from './json-text.ts'
import type { PgType } from './pg-type.ts'
import { BINARY_OP, TEXT_OP, type ValueCodec } from './value-codec.ts'

export type Renderers = { readonly text: Render | null; readonly json: JsonRenderer }

/** The pair has been checked by `planColumn`: the type can become the logical type. */
export function codecOf(type: PgType, logical: LogicalType, { text, json }: Renderers): ValueCodec {
  const structured = type.form === 'array' || type.form === 'composite'
  const renderBinary = structured ? json.fromBinary : text
  const renderText = structured ? json.fromText : null
  const { precision, scale } = logical.kind === 'decimal' ? logical : { precision: 0, scale: 0 }
  const understood = renderBinary !== null
  return {
    binary: understood ? binaryOp(type, logical) : BINARY_OP.none,
    text: structured ? TEXT_OP.render : textOp(type, logical),
    precision,
    scale,
    renderBinary,
    renderText,
    show: renderBinary,
  }
}

/** Of a type that is no longer in the catalogue: its binary form is unknown, its text is what the logical type reads. */
export function forgottenCodec(logical: LogicalType): ValueCodec {
  const { precision, scale } = logical.kind === 'decimal' ? logical : { precision: 0, scale: 0 }
  const structured = logical.kind === 'utf8' && logical.format === 'json'
  const text = structured ? TEXT_OP.none : textOp(null, logical)
  return { binary: BINARY_OP.none, text, precision, scale, renderBinary: null, renderText: null, show: null }
}

const NAMED_COPIES = new Set(['text', 'varchar', 'bpchar', 'name', 'json', 'xml', 'refcursor'])

function binaryOp(type: PgType, logical: LogicalType): number {
  const name = type.schema === 'pg_catalog' && type.form === 'base' ? type.name : ''
  switch (logical.kind) {
    case 'bool':
      return BINARY_OP.bool
    case 'int16':
      return BINARY_OP.int16
    case 'int32':
      return name === 'int2' ? BINARY_OP.int16As32 : BINARY_OP.int32
    case 'int64':
      return INT64_FROM[name] ?? BINARY_OP.int64
    case 'float32':
      return BINARY_OP.float32
    case 'float64':
      return name === 'float4' ? BINARY_OP.float32As64 : BINARY_OP.float64
    case 'decimal':
      return BINARY_OP.decimal
    case 'binary':
      return BINARY_OP.copy
    case 'date':
      return BINARY_OP.date
    case 'timestamp':
      return BINARY_OP.timestamp
    case 'utf8':
      if (type.form === 'enum' || NAMED_COPIES.has(name) || (type.extension === 'citext' && type.name === 'citext'))
        return BINARY_OP.copy
      if (name === 'jsonb') return BINARY_OP.copyVersioned
      if (name === 'uuid') return BINARY_OP.uuid
      if (name === 'bytea' && logical.format === 'hex') return BINARY_OP.hex
      return name === 'time' && logical.format === 'time' ? BINARY_OP.time : BINARY_OP.render
    default:
      return logical satisfies never
  }
}

const INT64_FROM: Readonly<Record<string, number>> = {
  int2: BINARY_OP.int16As64,
  int4: BINARY_OP.int32As64,
  oid: BINARY_OP.uint32As64,
}

function textOp(type: PgType | null, logical: LogicalType): number {
  switch (logical.kind) {
    case 'bool':
      return TEXT_OP.bool
    case 'int16':
      return TEXT_OP.int16
    case 'int32':
      return TEXT_OP.int32
    case 'int64':
      return TEXT_OP.int64
    case 'float32':
      return TEXT_OP.float32
    case 'float64':
      return type?.name === 'float4' ? TEXT_OP.float32As64 : TEXT_OP.float64
    case 'decimal':
      return TEXT_OP.decimal
    case 'binary':
      return TEXT_OP.bytea
    case 'date':
      return TEXT_OP.date
    case 'timestamp':
      return TEXT_OP.timestamp
    case 'utf8':
      if (logical.format === 'hex') return TEXT_OP.hex
      return logical.format === 'time' && type?.name === 'time' ? TEXT_OP.time : TEXT_OP.copy
    default:
      return logical satisfies never
  }
}
