/** The server's side of SASL PLAIN. Spec: apache/thrift `doc/specs/thrift-sasl-spec.txt`, RFC 4616. */

/** Passwords by user. */
export type Users = Readonly<Record<string, string>>

const START = 1
const OK = 2
const BAD = 3
const ERROR = 4
const COMPLETE = 5

export type LoginStep = {
  readonly reply: Buffer | null
  /** Bytes after the login. */
  readonly rest: Buffer
  /** The connection ends. */
  readonly ended: boolean
}

export class Login {
  done = false
  readonly #users: Users | undefined
  #bytes: Buffer = Buffer.alloc(0)

  constructor(users: Users | undefined) {
    this.#users = users
  }

  feed(chunk: Buffer): LoginStep {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 5) {
      const status = this.#bytes[0]
      // As the real one: what is no SASL ends the connection, without a word.
      if (status !== START && status !== OK) return step(null, { ended: true })
      const size = this.#bytes.readUInt32BE(1)
      if (this.#bytes.length < 5 + size) break
      const payload = this.#bytes.subarray(5, 5 + size).toString('utf8')
      this.#bytes = this.#bytes.subarray(5 + size)
      if (status === START) {
        if (payload !== 'PLAIN') return step(message(BAD, `Unsupported mechanism type ${payload}`), { ended: true })
        continue
      }
      const [, user = '', password = ''] = payload.split('\0')
      const known = this.#users === undefined ? password !== '' : this.#users[user] === password
      if (!known) return step(message(ERROR, 'Error validating the login'), { ended: true })
      this.done = true
      return step(message(COMPLETE, ''), { ended: false, rest: this.#bytes })
    }
    return step(null, { ended: false })
  }
}

function step(
  reply: Buffer | null,
  { ended, rest = Buffer.alloc(0) }: { readonly ended: boolean; readonly rest?: Buffer },
): LoginStep {
  return { reply, rest, ended }
}

function message(status: number, text: string): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt8(status)
  header.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([header, Buffer.from(text)])
}
