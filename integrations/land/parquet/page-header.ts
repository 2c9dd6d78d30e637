/** PageHeader of parquet.thrift. Page statistics are left to the page index, as PageIndex.md recommends. */
import { Encoding, PageType } from './format.ts'
import { ThriftWriter } from './thrift.ts'

export type PageSizes = { readonly uncompressed: number; readonly compressed: number }

/** `values` counts nulls too. */
export function dataPageHeader(sizes: PageSizes, values: number, encoding: Encoding): Uint8Array {
  return header(PageType.DATA_PAGE, sizes, (thrift) =>
    thrift.structField(5, () => {
      thrift.i32Field(1, values)
      thrift.i32Field(2, encoding)
      thrift.i32Field(3, Encoding.RLE) // definition_level_encoding
      thrift.i32Field(4, Encoding.RLE) // repetition_level_encoding; there are none in flat columns
    }),
  )
}

export function dictionaryPageHeader(sizes: PageSizes, entries: number): Uint8Array {
  return header(PageType.DICTIONARY_PAGE, sizes, (thrift) =>
    thrift.structField(7, () => {
      thrift.i32Field(1, entries)
      thrift.i32Field(2, Encoding.PLAIN)
    }),
  )
}

function header(type: PageType, sizes: PageSizes, specific: (thrift: ThriftWriter) => void): Uint8Array {
  const thrift = new ThriftWriter(64)
  thrift.struct(() => {
    thrift.i32Field(1, type)
    thrift.i32Field(2, sizes.uncompressed)
    thrift.i32Field(3, sizes.compressed)
    specific(thrift)
  })
  return thrift.take()
}
