/** Answers of the API: HTTP 200 with `success`, and the error codes that Snowflake gives. */

export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Of a failure: its code; for the log of requests. */
  readonly code: string | null
}

/** An answer with `success: false`; with another `httpStatus` it is no answer of the API at all. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: string
  readonly sqlState: string | null
  readonly httpStatus: number
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    message: string,
    { sqlState = null, httpStatus = 200, data = {} }: Partial<Pick<Refusal, 'sqlState' | 'httpStatus' | 'data'>> = {},
  ) {
    super(message)
    this.code = code
    this.sqlState = sqlState
    this.httpStatus = httpStatus
    this.data = data
  }
}

/** A request that no driver sends, or that asks for what is not emulated: HTTP 400, so that nothing passes by accident. */
export function badRequest(message: string): Refusal {
  return new Refusal('390400', `Refused by the local endpoint: ${message}`, { httpStatus: 400 })
}

export function success(
  data: unknown,
  { code = null, message = null }: Partial<Record<'code' | 'message', string | null>> = {},
): Reply {
  return json(200, { data, message, code, success: true }, null)
}

export function failure({ code, message, sqlState, httpStatus, data }: Refusal): Reply {
  const body = {
    data: sqlState === null && Object.keys(data).length === 0 ? null : { ...data, errorCode: code, sqlState },
    code,
    message,
    success: false,
    headers: null,
  }
  return json(httpStatus, body, code)
}

function json(status: number, body: unknown, code: string | null): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)), code }
}
