import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestHex, leadingHigh, leadingLow, md5, PADDING_BYTES } from '../../../integrations/reconcile/md5.ts'

const hex = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

test('MD5 is that of the standard, for every length around its blocks, whatever stands behind the text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(255), (bytes, filler) => {
      const { length } = bytes
      const held = new Uint8Array((length + PADDING_BYTES + 3) & ~3).fill(filler)
      held.set(bytes)
      md5({ bytes: held, words: new Int32Array(held.buffer), length })
      expect(digestHex()).toBe(hex(bytes))
      const leading = (BigInt(leadingHigh()) << 30n) + BigInt(leadingLow())
      expect(leading).toBe(BigInt(`0x${hex(bytes).slice(0, 15)}`))
    }),
  )
})
