/** A client whose process dies at its n-th statement, before the server hears of it or after it has answered. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { SnowflakeClient } from '../../../connectors/snowflake/client.ts'

export type Death = { readonly at: number; readonly when: 'before' | 'after' }

export type CountedClient = SnowflakeClient & { readonly ran: readonly string[] }

export function failingClient(client: SnowflakeClient, death: Death | null): CountedClient {
  const ran: string[] = []
  let dead = false
  const die = (): never => {
    dead = true
    throw new ConnectorError('INTERNAL', 'the process was killed')
  }
  return {
    ...client,
    ran,
    run: async (sql, request) => {
      if (dead) die()
      ran.push(sql)
      const now = ran.length === death?.at
      if (now && death.when === 'before') die()
      const answer = await client.run(sql, request)
      return now ? die() : answer
    },
  }
}
