/** Addresses of the lake as Hive and Spark write them, and back. Pure. */
export function toLocation(address: string, s3Scheme: 's3a' | 's3'): string {
  if (address.startsWith('s3://')) return `${s3Scheme}://${address.slice('s3://'.length)}`
  return address.startsWith('/') ? `file://${address}` : address
}

/** A place as the store's addresses are spelled, without a slash at its end. */
export const toAddress = (location: string): string => plain(location)

/** Equal for two spellings of one place: engines write `file:/x` and leave a slash at the end, or not. */
export const samePlace = (a: string, b: string): boolean => plain(a) === plain(b)

const plain = (location: string): string =>
  location
    .replace(/^s3[an]?:\/\//, 's3://')
    .replace(/^file:\/+/, '/')
    .replace(/\/+$/, '')
