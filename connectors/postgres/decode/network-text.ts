/** inet, cidr and macaddr in Postgres's own spelling, from their send forms. */
import type { Bytes } from './bytes.ts'

const FAMILY_INET = 2

/** inet_send: family, bits, is_cidr, length, address. */
export function inetText({ buffer }: Bytes, at: number): string {
  const family = buffer[at]
  const bits = buffer[at + 1] ?? 0
  const isCidr = buffer[at + 2] === 1
  const address = buffer.subarray(at + 4, at + 4 + (buffer[at + 3] ?? 0))
  const text = family === FAMILY_INET ? address.join('.') : ipv6Text(address)
  return isCidr || bits !== address.length * 8 ? `${text}/${bits}` : text
}

/** The longest run of two or more zero words is `::`; addresses that embed an IPv4 one show it (src/port/inet_net_ntop.c). */
function ipv6Text(address: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0))
  const run = longestZeroRun(words)
  const embedsIpv4 = run.start === 0 && (run.length === 6 || (run.length === 5 && words[5] === 0xffff))
  const shown = embedsIpv4 ? 6 : 8
  const hex = (from: number, to: number) => words.slice(from, Math.max(from, to)).map((word) => word.toString(16))
  const tail = embedsIpv4 ? [address.subarray(12).join('.')] : []
  if (run.length < 2) return [...hex(0, shown), ...tail].join(':')
  const before = hex(0, run.start).join(':')
  const after = [...hex(run.start + run.length, shown), ...tail].join(':')
  return `${before}::${after}`
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 }
  let start = 0
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === 0) continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}

export function macaddrText({ buffer }: Bytes, at: number, length: number): string {
  return Array.from(buffer.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
