/** Who may sign: one long-lived key, and the temporary ones that AssumeRole handed out. */
import { randomBytes } from 'node:crypto'

export type Credential = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Must come with every request that is signed with a temporary key. */
  readonly sessionToken: string | null
  readonly expiresAt: Date | null
}

export type Credentials = {
  readonly find: (accessKeyId: string) => Credential | null
  readonly issue: (expiresAt: Date) => Credential & { readonly sessionToken: string; readonly expiresAt: Date }
}

/** Temporary keys live as long as the process. */
export function openCredentials(accessKeyId: string, secretAccessKey: string): Credentials {
  const known = new Map<string, Credential>([
    [accessKeyId, { accessKeyId, secretAccessKey, sessionToken: null, expiresAt: null }],
  ])
  return {
    find: (id) => known.get(id) ?? null,
    issue: (expiresAt) => {
      const { accessKeyId: id, secretAccessKey: secret } = randomCredentials('ASIA')
      const issued = { accessKeyId: id, secretAccessKey: secret, sessionToken: randomBytes(96).toString('base64'), expiresAt }
      known.set(id, issued)
      return issued
    },
  }
}

/** A key pair in Amazon's shapes: 20 characters of A-Z2-7, 40 of base64. */
export function randomCredentials(prefix: 'AKIA' | 'ASIA' = 'AKIA'): { accessKeyId: string; secretAccessKey: string } {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const tail = Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join('')
  return { accessKeyId: `${prefix}${tail}`, secretAccessKey: randomBytes(30).toString('base64') }
}
