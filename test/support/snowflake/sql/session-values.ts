/** What CURRENT_… and LAST_QUERY_ID answer. */
import { rolesOf } from './catalogue/access.ts'
import type { Run } from './run.ts'

export function sessionValue(
  { engine, session, access }: Pick<Run, 'engine' | 'session' | 'access'>,
  name: string,
): { readonly text: string | null } | null {
  const [word = '', argument = ''] = name.split(' ')
  switch (word) {
    case 'CURRENT_USER':
      return { text: session.user }
    case 'CURRENT_ROLE':
      return { text: session.role }
    case 'INVOKER_ROLE':
      return { text: access.role }
    case 'CURRENT_DATABASE':
      return { text: session.database }
    case 'CURRENT_SCHEMA':
      return { text: session.schema }
    case 'CURRENT_WAREHOUSE':
      return { text: session.warehouse }
    case 'CURRENT_ACCOUNT':
    case 'CURRENT_ACCOUNT_NAME':
      return { text: engine.account.name }
    case 'CURRENT_ORGANIZATION_NAME':
      return { text: 'PORTAGE' }
    case 'CURRENT_REGION':
      return { text: 'LOCAL' }
    case 'CURRENT_VERSION':
      return { text: '9.0.0' }
    case 'CURRENT_SESSION':
      return { text: String(session.id) }
    case 'CURRENT_TRANSACTION':
      return { text: session.transaction?.startedBy ?? null }
    case 'CURRENT_AVAILABLE_ROLES':
      return { text: JSON.stringify([...rolesOf(engine.account, session.role)].sort()) }
    case 'CURRENT_SECONDARY_ROLES':
      return { text: '{"roles":"","value":""}' }
    case 'IS_ROLE_IN_SESSION':
      return { text: String(rolesOf(engine.account, session.role).has(argument)) }
    case 'LAST_QUERY_ID': {
      const at = Number(argument)
      return { text: session.queries.at(at < 0 ? at : at - 1) ?? null }
    }
    default:
      return { text: null }
  }
}
