/**
 * A self-signed server certificate for local services, in plain DER: Node signs but does not issue X.509, and no external
 * program may be needed. RFC 5280 for the structure, RFC 5480 and 5758 for the elliptic-curve parts.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export type Certificate = { readonly certificate: string; readonly key: string }

const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
const COMMON_NAME = [0x55, 0x04, 0x03]
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11]
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13]

/** PEM certificate and key for `localhost` and 127.0.0.1, valid from a day before `now` for a year; P-256. */
export function selfSignedCertificate(now: Date, commonName = 'localhost'): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(tag(0x06, Buffer.from(ECDSA_WITH_SHA256)))
  const name = sequence(tag(0x31, sequence(tag(0x06, Buffer.from(COMMON_NAME)), tag(0x0c, Buffer.from(commonName)))))
  const day = 86_400_000
  const body = sequence(
    tag(0xa0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    algorithm,
    name,
    sequence(time(new Date(now.getTime() - day)), time(new Date(now.getTime() + 365 * day))),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    tag(
      0xa3,
      sequence(
        extension(SUBJECT_ALT_NAME, sequence(tag(0x82, Buffer.from('localhost')), tag(0x87, Buffer.from([127, 0, 0, 1])))),
        extension(BASIC_CONSTRAINTS, sequence(tag(0x01, Buffer.from([0xff])))),
      ),
    ),
  )
  const signature = sign('sha256', body, privateKey)
  const certificate = sequence(body, algorithm, tag(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}

function tag(number: number, content: Buffer): Buffer {
  const { length } = content
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([number, ...header]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tag(0x30, Buffer.concat(parts))
}

function integer(content: Buffer): Buffer {
  return tag(0x02, content)
}

/** DER integers are signed and minimal: the first byte is kept in 0x40…0x7f. */
function positive(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[0] = ((copy[0] ?? 0) & 0x3f) | 0x40
  return copy
}

/** UTCTime, `YYMMDDHHMMSSZ`. */
function time(at: Date): Buffer {
  return tag(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`))
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(tag(0x06, Buffer.from(id)), tag(0x04, value))
}
