/** Names of types with their parameters. */
import { invalidParameter } from '../errors.ts'
import {
  ARRAY,
  BOOLEAN,
  binary,
  DATE,
  FLOAT,
  MAX_BINARY,
  MAX_PRECISION,
  MAX_TEXT,
  number,
  OBJECT,
  type SqlType,
  text,
  time,
  timestamp,
  VARIANT,
} from '../types.ts'
import type { Cursor } from './cursor.ts'

const FIXED: Readonly<Record<string, SqlType>> = {
  FLOAT,
  FLOAT4: FLOAT,
  FLOAT8: FLOAT,
  REAL: FLOAT,
  BOOLEAN,
  DATE,
  VARIANT,
  OBJECT,
  ARRAY,
  INT: number(38),
  INTEGER: number(38),
  BIGINT: number(38),
  SMALLINT: number(38),
  TINYINT: number(38),
  BYTEINT: number(38),
}
const TEXT = new Set(['VARCHAR', 'STRING', 'TEXT', 'NVARCHAR', 'CHAR', 'CHARACTER', 'NCHAR'])
const TIMESTAMPS: Readonly<Record<string, 'timestamp_ntz' | 'timestamp_ltz' | 'timestamp_tz'>> = {
  TIMESTAMP: 'timestamp_ntz',
  DATETIME: 'timestamp_ntz',
  TIMESTAMP_NTZ: 'timestamp_ntz',
  TIMESTAMPNTZ: 'timestamp_ntz',
  TIMESTAMP_LTZ: 'timestamp_ltz',
  TIMESTAMPLTZ: 'timestamp_ltz',
  TIMESTAMP_TZ: 'timestamp_tz',
  TIMESTAMPTZ: 'timestamp_tz',
}

/** TIMESTAMP is TIMESTAMP_NTZ: TIMESTAMP_TYPE_MAPPING can only be that here. */
export function typeName(cursor: Cursor): SqlType {
  const token = cursor.peek()
  if (token.kind !== 'word') cursor.fail()
  const name = token.text
  const fixed = FIXED[name]
  if (fixed !== undefined) {
    cursor.take()
    return fixed
  }
  if (name === 'DOUBLE') {
    cursor.take()
    cursor.accept('PRECISION')
    return FLOAT
  }
  if (name === 'NUMBER' || name === 'DECIMAL' || name === 'NUMERIC') {
    cursor.take()
    const [precision = MAX_PRECISION, scale = 0] = parameters(cursor, 2)
    if (precision < 1 || precision > MAX_PRECISION)
      throw invalidParameter(`invalid value [${precision}] for parameter 'PRECISION'`)
    if (scale > precision || scale > 37) throw invalidParameter(`invalid value [${scale}] for parameter 'SCALE'`)
    return number(precision, scale)
  }
  if (TEXT.has(name)) {
    cursor.take()
    return text(lengthOf(cursor, name.includes('CHAR') && !name.includes('VAR') ? 1 : MAX_TEXT, MAX_TEXT))
  }
  if (name === 'BINARY' || name === 'VARBINARY') {
    cursor.take()
    return binary(lengthOf(cursor, MAX_BINARY, MAX_BINARY))
  }
  if (name === 'TIME') {
    cursor.take()
    return time(scaleOf(cursor))
  }
  const kind = TIMESTAMPS[name]
  if (kind === undefined) cursor.fail()
  cursor.take()
  return timestamp(kind, scaleOf(cursor))
}

function parameters(cursor: Cursor, most: number): readonly number[] {
  if (!cursor.seesOperator('(')) return []
  const mark = cursor.mark()
  const found = cursor.list(() => cursor.integer())
  if (found.length > most) {
    cursor.back(mark)
    cursor.fail()
  }
  return found
}

function lengthOf(cursor: Cursor, usual: number, most: number): number {
  const [length = usual] = parameters(cursor, 1)
  if (length < 1 || length > most) throw invalidParameter(`invalid value [${length}] for parameter 'LENGTH'`)
  return length
}

function scaleOf(cursor: Cursor): number {
  const [scale = 9] = parameters(cursor, 1)
  if (scale > 9) throw invalidParameter(`invalid value [${scale}] for parameter 'SCALE'`)
  return scale
}
