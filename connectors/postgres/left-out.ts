/**
 * New tables that nobody asked for by name and that cannot be carried: publishing one would break the application, or lose or
 * garble rows. They stay out of the publication, and everything else goes on.
 */
import type { SourceScope } from '../ports.ts'
import type { Session } from './connect.ts'
import type { LeaveOut } from './planned-table.ts'
import { publishedOids } from './publication.ts'
import { tableErrors } from './table-problems.ts'

export type LeftOut = {
  /** Ids of tables that are carried or refused, never left out from now on. */
  readonly keep: (ids: readonly string[]) => void
  /** Which tables are left out as the publication stands; each is told of once. Without a publication: none. */
  readonly judge: (session: Session) => Promise<LeaveOut>
}

export function createLeftOut(scope: Pick<SourceScope, 'publication' | 'tables'>, tell: (message: string) => void): LeftOut {
  const kept = new Set<string>()
  const told = new Set<string>()
  return {
    keep: (ids) => {
      for (const id of ids) kept.add(id)
    },
    judge: async (session) => {
      const published = await publishedOids(session, scope.publication)
      return (table) => {
        const name = `${table.schema}.${table.name}`
        if (published.size === 0 || published.has(table.oid) || kept.has(table.oid) || scope.tables.includes(name)) return false
        const errors = tableErrors(table)
        if (errors.length === 0) return false
        const text = errors.map(({ problem, cure }) => `${problem}. Cure: ${cure}`).join('; ')
        if (!told.has(table.oid)) tell(`Table "${name}" is left out, the others go on: it ${text}`)
        told.add(table.oid)
        return true
      }
    },
  }
}
