/** Who logs in, and by what: password, key pair, OAuth token, programmatic access token. */
import { timingSafeEqual } from 'node:crypto'
import type { SessionRequest } from './engine.ts'
import { type ApiRequest, isObject, type JsonObject, optionalText } from './http-request.ts'
import { jwtProblem } from './jwt.ts'
import { badRequest, Refusal } from './reply.ts'

export type TokenOfUser = {
  readonly token: string
  /** Default: never. */
  readonly expiresAt?: Date
}

/** At least one way to log in. Names are compared without regard to case. */
export type SnowflakeUser = {
  readonly name: string
  readonly password?: string
  /** PEM; `RSA_PUBLIC_KEY` and `RSA_PUBLIC_KEY_2`. */
  readonly publicKeys?: readonly string[]
  readonly oauthTokens?: readonly TokenOfUser[]
  /** Programmatic access tokens. */
  readonly accessTokens?: readonly TokenOfUser[]
}

export type Accounts = { readonly account: string; readonly users: readonly SnowflakeUser[]; readonly now: () => Date }

export type Login = { readonly user: SnowflakeUser; readonly session: SessionRequest }

/** Ways of logging in that need another party: refused, not ignored. */
const NOT_EMULATED = ['PASSCODE', 'EXT_AUTHN_DUO_METHOD', 'RAW_SAML_RESPONSE', 'PROOF_KEY', 'SPCS_TOKEN', 'inFlightCtx']

const WRONG_PASSWORD = new Refusal('390100', 'Incorrect username or password was specified.')

/** @throws Refusal with the code that Snowflake gives. */
export function readLogin(request: ApiRequest, accounts: Accounts): Login {
  const { data } = request.body
  if (!isObject(data)) throw badRequest('log-in without "data"')
  const strange = NOT_EMULATED.find((name) => data[name] !== undefined || request.body[name] !== undefined)
  if (strange !== undefined) throw badRequest(`log-in with "${strange}" is not emulated`)
  const account = optionalText(data, 'ACCOUNT_NAME')
  if (account?.toUpperCase() !== accounts.account.toUpperCase()) {
    throw new Refusal('390422', `Account "${account ?? ''}" does not exist here`, { httpStatus: 403 })
  }
  const user = authenticated(data, accounts)
  const parameter = (name: string): string | null => request.query.get(name) || null
  return {
    user,
    session: {
      user: user.name,
      role: parameter('roleName'),
      database: parameter('databaseName'),
      schema: parameter('schemaName'),
      warehouse: parameter('warehouse'),
      parameters: sessionParameters(data.SESSION_PARAMETERS),
    },
  }
}

function authenticated(data: JsonObject, accounts: Accounts): SnowflakeUser {
  const name = optionalText(data, 'LOGIN_NAME')
  const authenticator = (optionalText(data, 'AUTHENTICATOR') ?? 'SNOWFLAKE').toUpperCase()
  switch (authenticator) {
    case 'SNOWFLAKE':
      return byPassword(data, named(accounts, name), accounts)
    case 'SNOWFLAKE_JWT':
      return byKeyPair(data, named(accounts, name), accounts)
    case 'OAUTH':
      return byToken(data, accounts, {
        name,
        tokens: ({ oauthTokens }) => oauthTokens ?? [],
        invalid: '390303',
        expired: '390318',
      })
    case 'PROGRAMMATIC_ACCESS_TOKEN':
      return byToken(data, accounts, {
        name,
        tokens: ({ accessTokens }) => accessTokens ?? [],
        invalid: '390394',
        expired: '390395',
      })
    default:
      throw badRequest(`authenticator "${authenticator}" is not emulated`)
  }
}

function named({ users }: Accounts, name: string | null): SnowflakeUser | null {
  return users.find((user) => user.name.toUpperCase() === name?.toUpperCase()) ?? null
}

/** Where a password is expected Snowflake takes a programmatic access token, too. */
function byPassword(data: JsonObject, user: SnowflakeUser | null, { now }: Accounts): SnowflakeUser {
  const given = optionalText(data, 'PASSWORD')
  if (user === null || given === null) throw WRONG_PASSWORD
  if (user.password !== undefined && equal(user.password, given)) return user
  if (user.accessTokens?.some((each) => equal(each.token, given) && isCurrent(each, now()))) return user
  throw WRONG_PASSWORD
}

function byKeyPair(data: JsonObject, user: SnowflakeUser | null, { account, now }: Accounts): SnowflakeUser {
  const token = optionalText(data, 'TOKEN') ?? ''
  const problem =
    user === null
      ? 'there is no such user'
      : jwtProblem(token, { account, user: user.name, publicKeys: user.publicKeys ?? [], now: now() })
  if (user === null || problem !== null) throw new Refusal('390144', `JWT token is invalid. [${problem}]`)
  return user
}

type TokenKind = {
  readonly name: string | null
  readonly tokens: (user: SnowflakeUser) => readonly TokenOfUser[]
  readonly invalid: string
  readonly expired: string
}

function byToken(data: JsonObject, { users, now }: Accounts, { name, tokens, invalid, expired }: TokenKind): SnowflakeUser {
  const given = optionalText(data, 'TOKEN') ?? ''
  for (const user of users) {
    const token = tokens(user).find((each) => equal(each.token, given))
    if (token === undefined) continue
    if (name !== null && name !== '' && name.toUpperCase() !== user.name.toUpperCase()) {
      throw new Refusal('390309', 'The user you were trying to authenticate as differs from the user tied to the access token.')
    }
    if (!isCurrent(token, now())) throw new Refusal(expired, 'The access token has expired.')
    return user
  }
  throw new Refusal(invalid, 'The access token is invalid.')
}

function isCurrent({ expiresAt }: TokenOfUser, now: Date): boolean {
  return expiresAt === undefined || now < expiresAt
}

function equal(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function sessionParameters(value: unknown): SessionRequest['parameters'] {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw badRequest('"SESSION_PARAMETERS" is not an object')
  const found: Record<string, string | number | boolean> = {}
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== 'string' && typeof each !== 'number' && typeof each !== 'boolean') {
      throw badRequest(`session parameter "${name}" is neither text, number nor boolean`)
    }
    found[name.toUpperCase()] = each
  }
  return found
}
