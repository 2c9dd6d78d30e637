/** Key pair log-in: a JWT that the client signed with its private key. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { isObject, type JsonObject } from './http-request.ts'

/** From this on a time is in milliseconds: the Node driver writes `iat` and `exp` so, and Snowflake accepts it. */
const MILLISECONDS_FROM = 100_000_000_000
/** Snowflake accepts a token for an hour after `iat`, whatever `exp` says. */
const MAX_AGE_MS = 3_600_000
const CLOCK_SKEW_MS = 60_000

export type JwtExpectation = {
  readonly account: string
  readonly user: string
  /** PEM, at most two, as `RSA_PUBLIC_KEY` and `RSA_PUBLIC_KEY_2`. */
  readonly publicKeys: readonly string[]
  readonly now: Date
}

/** `SHA256:` and the digest of the key's DER form. */
export function fingerprintOf(publicKey: string): string {
  const der = createPublicKey(publicKey).export({ format: 'der', type: 'spki' })
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`
}

/** Null when the token logs the user in; else why not. */
export function jwtProblem(token: string, { account, user, publicKeys, now }: JwtExpectation): string | null {
  const parts = token.split('.')
  const [head = '', claims = '', signature = ''] = parts
  if (parts.length !== 3) return 'it is no JWT'
  const header = decoded(head)
  const payload = decoded(claims)
  if (header === null || payload === null) return 'its header or payload is not JSON'
  if (header.alg !== 'RS256') return 'its algorithm is not RS256'
  const subject = `${account.toUpperCase()}.${user.toUpperCase()}`
  if (payload.sub !== subject) return 'its subject is not ACCOUNT.USER in upper case'
  const key = publicKeys.find((each) => payload.iss === `${subject}.${fingerprintOf(each)}`)
  if (key === undefined) return 'its issuer is not ACCOUNT.USER.FINGERPRINT of a public key of the user'
  const signed = verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))
  if (!signed) return 'its signature is not of that key'
  const issued = timeOf(payload.iat)
  const expires = timeOf(payload.exp)
  if (issued === null || expires === null) return 'iat or exp is missing'
  if (issued > now.getTime() + CLOCK_SKEW_MS) return 'it was issued in the future'
  if (now.getTime() > expires || now.getTime() > issued + MAX_AGE_MS) return 'it has expired'
  return null
}

function timeOf(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null
  return value >= MILLISECONDS_FROM ? value : value * 1000
}

function decoded(part: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
