/** Types as Hive and Spark spell them. */
import { expect, test } from 'vitest'
import { logicalTypeOf, shapeOf } from '../../../connectors/hive/tables/column-type.ts'
import { partitionSpec, partitionValues } from '../../../connectors/hive/tables/partition-name.ts'
import { typeName } from '../../../connectors/logical-type.ts'

test('plain types have a logical type; TIMESTAMP is a wall clock in Hive and an instant in Spark', () => {
  const spelled = ['boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'decimal(38,10)', 'decimal', 'string']
  const more = ['varchar(10)', 'char(3)', 'binary', 'date', 'timestamp', "timestamp with local time zone('UTC')", 'timestamp_ntz']
  const names = (owner: 'hive' | 'spark') =>
    [...spelled, ...more].map((each) => {
      const type = logicalTypeOf(each, owner)
      return type === null ? null : typeName(type)
    })
  const plain = ['bool', 'int16', 'int16', 'int32', 'int64', 'float32', 'float64', 'decimal(38,10)', 'decimal(10,0)', 'utf8']
  expect(names('hive')).toEqual([
    ...plain,
    'utf8',
    'utf8',
    'binary',
    'date',
    'timestamp(us)',
    'timestamp(us,UTC)',
    'timestamp(us)',
  ])
  expect(names('spark')[14]).toBe('timestamp(us,UTC)')
})

test('nested types are read with everything inside; odd field names and collations, too', () => {
  expect(shapeOf('array<struct<a:int,b c:map<string,char(3)>,`d:e`:date>>', 'hive')).toEqual({
    kind: 'list',
    item: {
      kind: 'struct',
      fields: [
        { name: 'a', shape: { kind: 'value', type: { kind: 'int32' } } },
        {
          name: 'b c',
          shape: {
            kind: 'map',
            key: { kind: 'value', type: { kind: 'utf8', format: 'text' } },
            value: { kind: 'value', type: { kind: 'utf8', format: 'text' }, cut: 3, pad: 3 },
          },
        },
        { name: 'd:e', shape: { kind: 'value', type: { kind: 'date' } } },
      ],
    },
  })
  expect(shapeOf('uniontype<int,string>', 'hive')?.kind).toBe('union')
  expect(shapeOf('string collate UTF8_LCASE', 'spark')?.kind).toBe('value')
})

test('what nothing holds, and what is no type, is null', () => {
  for (const spelled of [
    'void',
    'interval_day_time',
    'variant',
    'array<void>',
    'array<int',
    'struct<>',
    'int>',
    'integers',
    '',
    'char(0)',
  ]) {
    expect(shapeOf(spelled, 'hive')).toBeNull()
  }
})

test('names of partitions are decoded as Hive encodes them, and asked for by literals', () => {
  const columns = ['dt', 'Country']
  expect(partitionValues('dt=2026-01-02/country=a%2Fb c%3Aü%25', columns, 'T')).toEqual(['2026-01-02', 'a/b c:ü%'])
  expect(partitionValues('dt=__HIVE_DEFAULT_PARTITION__/country=%zz', columns, 'T')).toEqual([null, '%zz'])
  expect(partitionValues('dt=a=b/country=', columns, 'T')).toEqual(['a=b', ''])
  expect(partitionSpec(['dt', 'a`b'], ["it's \\", null])).toBe("(`dt`='it\\'s \\\\', `a``b`='__HIVE_DEFAULT_PARTITION__')")
  for (const wrong of ['dt=1', 'dt=1/city=2', 'dt=1/country=2/x=3', 'dt']) {
    expect(() => partitionValues(wrong, columns, 'T')).toThrow('T:')
  }
})
