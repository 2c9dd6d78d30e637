/** Functions that ask of the session. */
import { bound, quoted } from '../bind/value.ts'
import { BOOLEAN, text } from '../types.ts'
import { between, constantText, type FunctionTable, fixed, type ScalarFunction } from './function.ts'

const told: ScalarFunction = fixed(0, (_, { name, sessionValue }) => {
  const found = sessionValue(name)?.text ?? null
  return found === null ? bound('CAST(NULL AS VARCHAR)', text()) : { ...bound(quoted(found), text(), false), constant: found }
})

const NAMES = [
  'CURRENT_USER',
  'CURRENT_ROLE',
  'CURRENT_DATABASE',
  'CURRENT_SCHEMA',
  'CURRENT_WAREHOUSE',
  'CURRENT_ACCOUNT',
  'CURRENT_ACCOUNT_NAME',
  'CURRENT_ORGANIZATION_NAME',
  'CURRENT_REGION',
  'CURRENT_VERSION',
  'CURRENT_SESSION',
  'CURRENT_STATEMENT',
  'CURRENT_TRANSACTION',
  'CURRENT_AVAILABLE_ROLES',
  'CURRENT_SECONDARY_ROLES',
  'CURRENT_CLIENT',
  'INVOKER_ROLE',
]

export const SESSION_FUNCTIONS: FunctionTable = {
  ...Object.fromEntries(NAMES.map((name) => [name, told])),
  LAST_QUERY_ID: between(0, 1, (values, { sessionValue }) => {
    const found = sessionValue(`LAST_QUERY_ID ${values[0]?.constant ?? '-1'}`)?.text ?? null
    return found === null
      ? bound('CAST(NULL AS VARCHAR)', text(36))
      : { ...bound(quoted(found), text(36), false), constant: found }
  }),
  IS_ROLE_IN_SESSION: fixed(1, (values, context) => {
    const found = context.sessionValue(`IS_ROLE_IN_SESSION ${constantText(values[0], values, context)}`)?.text
    return bound(found === 'true' ? 'true' : 'false', BOOLEAN, false)
  }),
}
