/** A random life of the loan tables, written to a memory database and, as the same lines, for the oracle. */
import type { MemoryDatabase, MemoryTransaction } from '../../connectors/memory/database.ts'
import type { Line } from './oracle.ts'

const DAY = 86_400_000
export const BOOK_DAY = Date.UTC(2026, 5, 30, 12)
export const CLIENTS = ['1', '2', '3', '4', '5']

/** Numbers in [0, 1), the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const STATUS = ['application', 'active', 'paid', 'overdue', 'defaulted', 'cancelled'] as const
const PAYMENT_STATUS = ['on_time', 'late', 'reversed'] as const

export type LoanHistory = {
  /** Commits one transaction of a few changes. */
  readonly step: () => void
  readonly lines: readonly Line[]
}

export function loanHistory(database: MemoryDatabase, seed: number): LoanHistory {
  const random = randomOf(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const amount = () => (Math.floor(random() * 100_000) / 100).toFixed(2)
  const stamp = () => new Date(BOOK_DAY - Math.floor(random() * 120 - 10) * DAY + pick([-1, 0, 1])).toISOString()
  const lines: Line[] = []
  const present = { loan: new Set<string>(), payment: new Set<string>() }
  database.commit((transaction) => {
    const text = { kind: 'utf8', format: 'text' } as const
    const money = { kind: 'decimal', precision: 12, scale: 2 } as const
    const whole = { kind: 'int64' } as const
    const time = { kind: 'timestamp', utc: true } as const
    transaction.createTable('public.loan', {
      columns: [
        { name: 'id', type: whole },
        { name: 'client_id', type: whole },
        { name: 'amount', type: money },
        { name: 'status', type: text },
        { name: 'issued_at', type: time },
        { name: 'note', type: text },
      ],
      key: ['id'],
    })
    transaction.createTable('public.payment', {
      columns: [
        { name: 'id', type: whole },
        { name: 'loan_id', type: whole },
        { name: 'interest', type: money },
        { name: 'status', type: text },
        { name: 'paid_at', type: time },
      ],
      key: ['id'],
    })
  })
  const rowOf = (table: 'loan' | 'payment') =>
    table === 'loan'
      ? { client_id: pick(CLIENTS), amount: amount(), status: pick(STATUS), issued_at: pick([stamp(), stamp(), stamp(), null]) }
      : {
          loan_id: String(Math.ceil(random() * 30)),
          interest: amount(),
          status: pick(PAYMENT_STATUS),
          paid_at: pick([stamp(), stamp(), null]),
        }
  const change = (transaction: MemoryTransaction): void => {
    const table = pick(['loan', 'payment', 'payment'] as const)
    const keys = present[table]
    const id = String(Math.ceil(random() * (table === 'loan' ? 30 : 90)))
    const name = `public.${table}`
    const head = { position: String(lines.length + 1), table }
    if (random() < 0.005) {
      transaction.truncate(name)
      keys.clear()
      lines.push({ ...head, op: 'truncate' })
    } else if (!keys.has(id)) {
      const row = rowOf(table)
      transaction.insert(name, { id, ...(table === 'loan' ? { note: 'n' } : {}), ...forDatabase(row) })
      keys.add(id)
      lines.push({ ...head, op: 'insert', key: { id }, row })
    } else if (random() < 0.15) {
      transaction.delete(name, { id })
      keys.delete(id)
      lines.push({ ...head, op: 'delete', key: { id } })
    } else if (random() < 0.1) {
      const to = String(1000 + lines.length)
      transaction.update(name, { id }, { id: to })
      keys.delete(id)
      keys.add(to)
      lines.push({ ...head, op: 'update', key: { id: to }, old_key: { id }, row: {} })
    } else {
      const [[column, value] = ['status', 'paid']] = [pick(Object.entries(rowOf(table)))]
      transaction.update(name, { id }, forDatabase({ [column]: value }), table === 'loan' ? { unresolved: ['note'] } : {})
      lines.push({ ...head, op: 'update', key: { id }, row: { [column]: value } })
    }
  }
  return {
    lines,
    step: () =>
      database.commit((transaction) => {
        for (let left = 1 + Math.floor(random() * 4); left > 0; left--) change(transaction)
      }),
  }
}

/** The memory database writes timestamps without `Z`. */
function forDatabase(row: Readonly<Record<string, string | null>>): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value !== null && name.endsWith('_at') ? value.replace('Z', '') : value]),
  )
}
