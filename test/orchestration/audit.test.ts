import { expect, test } from 'vitest'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import { type AuditDraft, type AuditEvent, appendAudit, readAudit, verifyAudit } from '../../orchestration/audit.ts'

const signal = new AbortController().signal
const draft = (n: number): AuditDraft => ({
  at: '2026-03-01T12:00:00.000Z',
  by: 'test',
  integration: 'loans',
  event: 'run.begin',
  details: { n },
})

async function trail(events: number) {
  const store = openMemoryStore({ now: () => new Date(0) })
  for (let n = 1; n <= events; n++) await appendAudit(store, 'raw', draft(n), signal)
  return store
}

const key = (number: number): string => `raw/_portage/audit/${String(number).padStart(20, '0')}.json`

test('events are numbered from one and read back in order', async () => {
  const store = await trail(9)
  const events: AuditEvent[] = []
  for await (const event of readAudit(store, 'raw', signal)) events.push(event)
  expect(events.map(({ number, details }) => [number, details.n])).toEqual(Array.from({ length: 9 }, (_, i) => [i + 1, i + 1]))
  expect(await verifyAudit(store, 'raw', signal)).toEqual({ events: 9, breaks: [] })
})

test('writers at the same time each get a number of their own and one chain', async () => {
  const store = await trail(0)
  await Promise.all(Array.from({ length: 12 }, (_, n) => appendAudit(store, 'raw', draft(n), signal)))
  expect(await verifyAudit(store, 'raw', signal)).toEqual({ events: 12, breaks: [] })
})

test('a changed, a missing and an unreadable event are each found', async () => {
  const changed = await trail(5)
  const bytes = await changed.get(key(2))
  await changed.delete([key(2)])
  await changed.putIfAbsent(
    key(2),
    new TextEncoder().encode(new TextDecoder().decode(bytes ?? undefined).replace('loans', 'cards')),
  )
  expect((await verifyAudit(changed, 'raw', signal)).breaks).toEqual([
    { number: 3, problem: 'does not follow the event before it' },
  ])

  const missing = await trail(5)
  await missing.delete([key(3)])
  expect((await verifyAudit(missing, 'raw', signal)).breaks).toEqual([
    { number: 3, problem: 'is missing' },
    { number: 4, problem: 'does not follow the event before it' },
  ])

  const unreadable = await trail(2)
  await unreadable.delete([key(2)])
  await unreadable.putIfAbsent(key(2), new TextEncoder().encode('{'))
  expect((await verifyAudit(unreadable, 'raw', signal)).breaks).toMatchObject([{ number: 2 }])
})
