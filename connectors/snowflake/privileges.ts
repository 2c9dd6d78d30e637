/** What a role may do, its own grants and those of the roles granted to it. I/O, metadata only. */
import { rowsByName } from './answer.ts'
import type { SnowflakeClient } from './client.ts'
import { quoted } from './names.ts'

export type Grant = { readonly privilege: string; readonly on: string; readonly name: string }

/** Roles in roles in roles: more than anybody has. */
const MOST_ROLES = 50

/** Names of objects as Snowflake lists them, without quotes. */
export async function grantsOf(client: SnowflakeClient, role: string, signal: AbortSignal): Promise<readonly Grant[]> {
  const grants: Grant[] = []
  const roles = [role]
  for (let index = 0; index < roles.length && index < MOST_ROLES; index++) {
    const name = roles[index] ?? ''
    const answer = await client.run(`SHOW GRANTS TO ROLE ${quoted(name)}`, { signal, repeatable: true })
    for (const { privilege, granted_on: on, name: object } of rowsByName(answer)) {
      const grant = { privilege: privilege ?? '', on: (on ?? '').replaceAll('_', ' '), name: (object ?? '').replaceAll('"', '') }
      grants.push(grant)
      if (grant.on === 'ROLE' && !roles.includes(grant.name)) roles.push(grant.name)
    }
  }
  return grants
}

/** Owners may do everything. */
export function isGranted(grants: readonly Grant[], privilege: string, on: string, name: string): boolean {
  return grants.some(
    (grant) =>
      grant.on === on && grant.name === name && [privilege, 'OWNERSHIP', 'ALL', 'ALL PRIVILEGES'].includes(grant.privilege),
  )
}
