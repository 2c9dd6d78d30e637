/**
 * MD5 of texts without an object per call: checksums are taken of millions of short rows. RFC 1321. The four words of the newest
 * digest stay in `digest` until the next call. MD5 is a fingerprint here, never a protection.
 */

/** The newest digest as four little-endian words, as RFC 1321 outputs them. */
export const digest = new Int32Array(4)

/** `bytes[0, length)` is digested; `words` are the same bytes. */
export type DigestInput = { readonly bytes: Uint8Array; readonly words: Int32Array; readonly length: number }

/** Behind the text there must be room for its padding, which is written there. */
export const PADDING_BYTES = 72

/** Digests the text into `digest`. */
export function md5({ bytes, words, length }: DigestInput): void {
  digest[0] = 0x67452301
  digest[1] = 0xefcdab89
  digest[2] = 0x98badcfe
  digest[3] = 0x10325476
  // 0x80, zeros, and the length in bits as the last two words of a block.
  const blocks = (length + PADDING_BYTES) >>> 6
  const last = blocks << 4
  bytes[length] = 0x80
  let next = length + 1
  for (; (next & 3) !== 0; next++) bytes[next] = 0
  for (let word = next >>> 2; word < last - 2; word++) words[word] = 0
  words[last - 2] = length << 3
  words[last - 1] = length >>> 29
  for (let at = 0; at < last; at += 16) block(words, at)
}

function block(x: Int32Array, at: number): void {
  let a = digest[0] as number
  let b = digest[1] as number
  let c = digest[2] as number
  let d = digest[3] as number
  a = (a + (x[at] as number) + -680876936 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + (x[at + 1] as number) + -389564586 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + (x[at + 2] as number) + 606105819 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + (x[at + 3] as number) + -1044525330 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + (x[at + 4] as number) + -176418897 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + (x[at + 5] as number) + 1200080426 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + (x[at + 6] as number) + -1473231341 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + (x[at + 7] as number) + -45705983 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + (x[at + 8] as number) + 1770035416 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + (x[at + 9] as number) + -1958414417 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + (x[at + 10] as number) + -42063 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + (x[at + 11] as number) + -1990404162 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + (x[at + 12] as number) + 1804603682 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + (x[at + 13] as number) + -40341101 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + (x[at + 14] as number) + -1502002290 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + (x[at + 15] as number) + 1236535329 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + (x[at + 1] as number) + -165796510 + (c ^ (d & (b ^ c)))) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + (x[at + 6] as number) + -1069501632 + (b ^ (c & (a ^ b)))) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + (x[at + 11] as number) + 643717713 + (a ^ (b & (d ^ a)))) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + (x[at] as number) + -373897302 + (d ^ (a & (c ^ d)))) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + (x[at + 5] as number) + -701558691 + (c ^ (d & (b ^ c)))) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + (x[at + 10] as number) + 38016083 + (b ^ (c & (a ^ b)))) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + (x[at + 15] as number) + -660478335 + (a ^ (b & (d ^ a)))) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + (x[at + 4] as number) + -405537848 + (d ^ (a & (c ^ d)))) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + (x[at + 9] as number) + 568446438 + (c ^ (d & (b ^ c)))) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + (x[at + 14] as number) + -1019803690 + (b ^ (c & (a ^ b)))) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + (x[at + 3] as number) + -187363961 + (a ^ (b & (d ^ a)))) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + (x[at + 8] as number) + 1163531501 + (d ^ (a & (c ^ d)))) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + (x[at + 13] as number) + -1444681467 + (c ^ (d & (b ^ c)))) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + (x[at + 2] as number) + -51403784 + (b ^ (c & (a ^ b)))) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + (x[at + 7] as number) + 1735328473 + (a ^ (b & (d ^ a)))) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + (x[at + 12] as number) + -1926607734 + (d ^ (a & (c ^ d)))) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + (x[at + 5] as number) + -378558 + (b ^ c ^ d)) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (x[at + 8] as number) + -2022574463 + (a ^ b ^ c)) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (x[at + 11] as number) + 1839030562 + (d ^ a ^ b)) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (x[at + 14] as number) + -35309556 + (c ^ d ^ a)) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (x[at + 1] as number) + -1530992060 + (b ^ c ^ d)) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (x[at + 4] as number) + 1272893353 + (a ^ b ^ c)) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (x[at + 7] as number) + -155497632 + (d ^ a ^ b)) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (x[at + 10] as number) + -1094730640 + (c ^ d ^ a)) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (x[at + 13] as number) + 681279174 + (b ^ c ^ d)) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (x[at] as number) + -358537222 + (a ^ b ^ c)) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (x[at + 3] as number) + -722521979 + (d ^ a ^ b)) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (x[at + 6] as number) + 76029189 + (c ^ d ^ a)) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (x[at + 9] as number) + -640364487 + (b ^ c ^ d)) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (x[at + 12] as number) + -421815835 + (a ^ b ^ c)) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (x[at + 15] as number) + 530742520 + (d ^ a ^ b)) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (x[at + 2] as number) + -995338651 + (c ^ d ^ a)) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (x[at] as number) + -198630844 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (x[at + 7] as number) + 1126891415 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (x[at + 14] as number) + -1416354905 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (x[at + 5] as number) + -57434055 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (x[at + 12] as number) + 1700485571 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (x[at + 3] as number) + -1894986606 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (x[at + 10] as number) + -1051523 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (x[at + 1] as number) + -2054922799 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (x[at + 8] as number) + 1873313359 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (x[at + 15] as number) + -30611744 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (x[at + 6] as number) + -1560198380 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (x[at + 13] as number) + 1309151649 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (x[at + 4] as number) + -145523070 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (x[at + 11] as number) + -1120210379 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (x[at + 2] as number) + 718787259 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (x[at + 9] as number) + -343485551 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  digest[0] = (digest[0] as number) + a
  digest[1] = (digest[1] as number) + b
  digest[2] = (digest[2] as number) + c
  digest[3] = (digest[3] as number) + d
}

/** The leading 60 bits as two numbers of 30: hex digits 0–7 (upper two bits of the next half) and the rest. */
export const leadingHigh = (): number => swapped(digest[0] as number) >>> 2
export const leadingLow = (): number => (((swapped(digest[0] as number) & 3) << 28) | (swapped(digest[1] as number) >>> 4)) >>> 0

/** The bytes of a word in the opposite order: hex digits of a digest are those of its words swapped. */
export const swapped = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0

/** The newest digest as 32 hex digits. */
export const digestHex = (): string => Array.from(digest, (word) => swapped(word).toString(16).padStart(8, '0')).join('')
