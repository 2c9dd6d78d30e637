import { Duplex } from 'node:stream'
import fc from 'fast-check'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { CopyStream, TAKE, type Take } from '../../../connectors/postgres/copy-stream.ts'

function message(type: string, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload)
  const header = Buffer.alloc(5)
  header.write(type, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

/** The server's end of a session's socket: the test writes what the server sends. */
class FakeSocket extends Duplex {
  readonly sent: Buffer[] = []
  setTimeout(): this {
    return this
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent.push(chunk)
    done()
  }
}

function session() {
  const socket = new FakeSocket()
  const client = { connection: { stream: socket } } as unknown as pg.Client
  return { socket, client }
}

describe('reading a copy from a session', () => {
  test('messages arrive once and in order, however they are cut and whenever the sink pauses or declines', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 }),
        fc.array(fc.constantFrom<Take>(TAKE.more, TAKE.more, TAKE.pause, TAKE.again), { minLength: 1, maxLength: 20 }),
        async (payloads, cuts, answers) => {
          const { socket, client } = session()
          const leftOver: Buffer[] = []
          socket.on('data', (chunk: Buffer) => leftOver.push(chunk))
          const seen: Buffer[] = []
          let turn = 0
          const copy = new CopyStream(client, (bytes, start, end) => {
            const answer = answers[turn++ % answers.length] ?? TAKE.more
            // Declined at most every other time, or nothing would ever be taken.
            const taken = answer !== TAKE.again || turn % 2 === 0
            if (taken) seen.push(Buffer.from(bytes.buffer.subarray(start, end)))
            if (taken && answer !== TAKE.pause) return TAKE.more
            setImmediate(() => copy.resume())
            return taken ? TAKE.pause : TAKE.again
          })
          const begun = copy.begin('COPY …')
          const after = message('N', 'for pg')
          const stream = Buffer.concat([
            message('W', Buffer.from([0, 0, 0])),
            ...payloads.map((payload) => message('d', payload)),
            message('c'),
            message('C', 'COPY\0'),
            message('Z', 'I'),
            after,
          ])
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length] ?? 1
            socket.push(stream.subarray(at, at + size))
            at += size
          }
          await begun
          await copy.done
          expect(seen).toEqual(payloads.map((payload) => Buffer.from(payload)))
          // What follows the copy belongs to pg again.
          await expect.poll(() => Buffer.concat(leftOver).toString()).toBe(after.toString())
        },
      ),
      { numRuns: 100 },
    )
  })

  test('an error of the server, with its state; and what the sink throws', async () => {
    const refused = session()
    const copy = new CopyStream(refused.client, () => TAKE.more)
    const begun = copy.begin('COPY …')
    refused.socket.push(Buffer.concat([message('E', 'SERROR\0VERROR\0C42P01\0Mno such table\0\0'), message('Z', 'I')]))
    await expect(begun).rejects.toMatchObject({ message: 'no such table', code: '42P01' })

    const failing = session()
    const other = new CopyStream(failing.client, () => {
      throw new RangeError('bad bytes')
    })
    const started = other.begin('COPY …')
    failing.socket.push(Buffer.concat([message('H'), message('d', 'x')]))
    await started
    await expect(other.done).rejects.toThrow('bad bytes')
    expect(failing.socket.destroyed).toBe(true)
  })

  test('a connection that closes half-way is an error', async () => {
    const { socket, client } = session()
    const copy = new CopyStream(client, () => TAKE.more)
    const begun = copy.begin('COPY …')
    socket.push(Buffer.concat([message('H'), message('d', 'x')]))
    await begun
    socket.destroy()
    await expect(copy.done).rejects.toThrow('terminated')
  })
})
