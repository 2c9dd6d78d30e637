/** Geometric types in Postgres's own spelling, from their send forms (float8 coordinates). */
import type { Bytes } from './bytes.ts'
import { float8Text } from './float-text.ts'

const numbers = ({ view }: Bytes, at: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => float8Text(view.getFloat64(at + 8 * i)))

const points = (bytes: Bytes, at: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => pointText(bytes, at + 16 * i))

export const pointText = (bytes: Bytes, at: number): string => `(${numbers(bytes, at, 2).join(',')})`
export const lsegText = (bytes: Bytes, at: number): string => `[${points(bytes, at, 2).join(',')}]`
export const boxText = (bytes: Bytes, at: number): string => points(bytes, at, 2).join(',')
export const lineText = (bytes: Bytes, at: number): string => `{${numbers(bytes, at, 3).join(',')}}`
export const polygonText = (bytes: Bytes, at: number): string => `(${points(bytes, at + 4, bytes.view.getInt32(at)).join(',')})`

export function pathText(bytes: Bytes, at: number): string {
  const closed = bytes.buffer[at] === 1
  const inner = points(bytes, at + 5, bytes.view.getInt32(at + 1)).join(',')
  return closed ? `(${inner})` : `[${inner}]`
}

export function circleText(bytes: Bytes, at: number): string {
  return `<${pointText(bytes, at)},${numbers(bytes, at + 16, 1)[0]}>`
}
