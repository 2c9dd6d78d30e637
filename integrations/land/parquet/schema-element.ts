/** SchemaElement of parquet.thrift: the file's columns, with LogicalType and the older ConvertedType both. */
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { ConvertedType, FieldRepetitionType, Type } from './format.ts'
import type { PhysicalType, Profile } from './profile.ts'
import type { ThriftWriter } from './thrift.ts'

export type ColumnSchema = {
  readonly name: string
  readonly logical: LogicalType
  readonly physical: PhysicalType
  readonly nullable: boolean
}

/** The list begins with the root, which has children and no type. */
export function writeSchema(thrift: ThriftWriter, columns: readonly ColumnSchema[], profile: Profile): void {
  thrift.structList(2, [null, ...columns], (column) => {
    if (column === null) {
      thrift.binaryField(4, 'schema')
      thrift.i32Field(5, columns.length)
      return
    }
    thrift.i32Field(1, column.physical.type)
    if (column.physical.type === Type.FIXED_LEN_BYTE_ARRAY) thrift.i32Field(2, column.physical.typeLength)
    thrift.i32Field(3, column.nullable ? FieldRepetitionType.OPTIONAL : FieldRepetitionType.REQUIRED)
    thrift.binaryField(4, column.name)
    // INT96 has no annotation: it is a timestamp to whoever reads it as more than twelve bytes.
    if (column.physical.type !== Type.INT96) writeAnnotations(thrift, column.logical, profile)
  })
}

/** "Implementations using LogicalType must also set the corresponding ConvertedType (if any)". Fields 6 to 10. */
function writeAnnotations(thrift: ThriftWriter, logical: LogicalType, profile: Profile): void {
  switch (logical.kind) {
    case 'utf8':
      thrift.i32Field(6, ConvertedType.UTF8)
      thrift.structField(10, () => thrift.structField(1, () => {})) // STRING
      return
    case 'decimal':
      thrift.i32Field(6, ConvertedType.DECIMAL)
      thrift.i32Field(7, logical.scale)
      thrift.i32Field(8, logical.precision)
      thrift.structField(10, () =>
        thrift.structField(5, () => {
          thrift.i32Field(1, logical.scale)
          thrift.i32Field(2, logical.precision)
        }),
      )
      return
    case 'date':
      thrift.i32Field(6, ConvertedType.DATE)
      thrift.structField(10, () => thrift.structField(6, () => {}))
      return
    case 'timestamp': {
      const inUtc = profile.isAdjustedToUTC === 'by type' ? logical.utc : profile.isAdjustedToUTC
      // ConvertedType knows instants only (LogicalTypes.md, TIMESTAMP, compatibility).
      if (inUtc) thrift.i32Field(6, ConvertedType.TIMESTAMP_MICROS)
      thrift.structField(10, () =>
        thrift.structField(8, () => {
          thrift.boolField(1, inUtc)
          thrift.structField(2, () => thrift.structField(2, () => {})) // TimeUnit.MICROS
        }),
      )
      return
    }
    case 'int16':
      thrift.i32Field(6, ConvertedType.INT_16)
      thrift.structField(10, () =>
        thrift.structField(10, () => {
          thrift.byteField(1, 16)
          thrift.boolField(2, true)
        }),
      )
      return
    // The physical types say it all.
    case 'bool':
    case 'int32':
    case 'int64':
    case 'float32':
    case 'float64':
    case 'binary':
      return
    default:
      logical satisfies never
  }
}
