import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestHex, leadingHigh, leadingLow, md5 } from '../../../integrations/reconcile/md5.ts'

const hex = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

test('MD5 is that of the standard, for every length around its blocks and anywhere in a buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(70), (bytes, start) => {
      const held = new Uint8Array([...new Uint8Array(start).fill(7), ...bytes, 9])
      md5(held, start, start + bytes.length)
      expect(digestHex()).toBe(hex(bytes))
      const leading = (BigInt(leadingHigh()) << 30n) + BigInt(leadingLow())
      expect(leading).toBe(BigInt(`0x${hex(bytes).slice(0, 15)}`))
    }),
  )
})
