/**
 * Writer profiles as data. Engines disagree about timestamps and decimals; each profile is one consistent set of choices.
 * `lake` suits Snowflake, DuckDB and Spark, `hive` suits Hive 4, `hive3` Hive 3; `file` is for files given away, where a wall clock must not look like an instant.
 */
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { Type } from './format.ts'

export type Profile = {
  readonly name: string
  /** `TimestampType.isAdjustedToUTC` of both timestamp kinds: Snowflake reads every other shape as INTEGER or LTZ. `by type`: instants only. */
  readonly isAdjustedToUTC: boolean | 'by type'
  /** Largest precisions kept in INT32 and INT64; beyond is FIXED_LEN_BYTE_ARRAY (LogicalTypes.md, DECIMAL). */
  readonly decimalInt32: number
  readonly decimalInt64: number
  /** `INT96`: nanoseconds of the day and Julian day, in UTC; then `isAdjustedToUTC` says nothing. */
  readonly timestamp: 'INT64' | 'INT96'
  /** Bytes of a FIXED_LEN_BYTE_ARRAY decimal: as few as its precision takes, or always 16. */
  readonly decimalBytes: 'least' | 16
}

export const PROFILES = {
  lake: { name: 'lake', isAdjustedToUTC: true, decimalInt32: 9, decimalInt64: 18, timestamp: 'INT64', decimalBytes: 16 },
  // Hive 4 shows an adjusted timestamp in its own zone; it also wants three keys of metadata (`register/directory/formats.ts`).
  hive: { name: 'hive', isAdjustedToUTC: false, decimalInt32: 9, decimalInt64: 18, timestamp: 'INT64', decimalBytes: 16 },
  // What Hive 3 writes itself: of timestamps and decimals it reads nothing else.
  hive3: {
    name: 'hive3',
    isAdjustedToUTC: false,
    decimalInt32: 0,
    decimalInt64: 0,
    timestamp: 'INT96',
    decimalBytes: 'least',
  },
  file: {
    name: 'file',
    isAdjustedToUTC: 'by type',
    decimalInt32: 9,
    decimalInt64: 18,
    timestamp: 'INT64',
    decimalBytes: 16,
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES

/** The smallest width that holds every value of a decimal's precision in two's complement. */
export function leastBytes(precision: number): number {
  const largest = 10n ** BigInt(precision) - 1n
  let bytes = 1
  while (largest >> BigInt(bytes * 8 - 1) > 0n) bytes++
  return bytes
}

/** How a logical type is stored: physical type and, for FIXED_LEN_BYTE_ARRAY, its width in bytes. */
export type PhysicalType = { readonly type: Type; readonly typeLength: number }

export function physicalType(type: LogicalType, profile: Profile): PhysicalType {
  switch (type.kind) {
    case 'bool':
      return { type: Type.BOOLEAN, typeLength: 0 }
    case 'int16':
    case 'int32':
    case 'date':
      return { type: Type.INT32, typeLength: 4 }
    case 'int64':
      return { type: Type.INT64, typeLength: 8 }
    case 'timestamp':
      return profile.timestamp === 'INT96' ? { type: Type.INT96, typeLength: 12 } : { type: Type.INT64, typeLength: 8 }
    case 'float32':
      return { type: Type.FLOAT, typeLength: 4 }
    case 'float64':
      return { type: Type.DOUBLE, typeLength: 8 }
    case 'decimal':
      if (type.precision <= profile.decimalInt32) return { type: Type.INT32, typeLength: 4 }
      if (type.precision <= profile.decimalInt64) return { type: Type.INT64, typeLength: 8 }
      // Sixteen bytes hold any 38 digits: Arrow's Decimal128 with its bytes reversed.
      return {
        type: Type.FIXED_LEN_BYTE_ARRAY,
        typeLength: profile.decimalBytes === 'least' ? leastBytes(type.precision) : profile.decimalBytes,
      }
    case 'utf8':
    case 'binary':
      return { type: Type.BYTE_ARRAY, typeLength: 0 }
    default:
      return type satisfies never
  }
}
