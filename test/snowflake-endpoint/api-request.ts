/** Requests without a driver: what a client must not get away with. */
import type { SnowflakeEndpoint } from '../support/snowflake/endpoint.ts'

export type ApiAnswer = {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>> & { readonly data?: Readonly<Record<string, unknown>> | null }
}

export type ApiCall = {
  readonly method?: string
  readonly token?: string
  readonly body?: unknown
  /** Instead of JSON. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
}

export async function call({ url }: Pick<SnowflakeEndpoint, 'url'>, path: string, options: ApiCall = {}): Promise<ApiAnswer> {
  const { method = 'POST', token, body, raw, headers } = options
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(token === undefined ? {} : { authorization: `Snowflake Token="${token}"` }), ...headers },
    ...(raw !== undefined ? { body: raw } : body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as ApiAnswer['body'] }
}

export type Tokens = { readonly token: string; readonly masterToken: string; readonly sessionId: number }

export const LOGIN = { ACCOUNT_NAME: 'local', LOGIN_NAME: 'ada', PASSWORD: 'correct horse' }

export function login(endpoint: SnowflakeEndpoint, data: Readonly<Record<string, unknown>> = LOGIN): Promise<ApiAnswer> {
  return call(endpoint, '/session/v1/login-request', { body: { data } })
}

/** A session by ADA's password. */
export async function tokens(endpoint: SnowflakeEndpoint): Promise<Tokens> {
  const { body } = await login(endpoint)
  return body.data as unknown as Tokens
}

export function query(
  endpoint: SnowflakeEndpoint,
  token: string,
  { requestId = crypto.randomUUID(), ...body }: Readonly<Record<string, unknown>> & { readonly requestId?: string },
): Promise<ApiAnswer> {
  return call(endpoint, `/queries/v1/query-request?requestId=${requestId}`, { token, body })
}
