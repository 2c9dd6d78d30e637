/** Options of a connection: what is refused, and what reaches the driver. */
import { describe, expect, test } from 'vitest'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { connectionOptions } from '../../../connectors/snowflake/driver.ts'
import { diagnose, failure, serverCode } from '../../../connectors/snowflake/failure.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { differingParameters, sessionParameters } from '../../../connectors/snowflake/session-parameters.ts'
import { shownType } from '../../../connectors/snowflake/types.ts'
import { errorText } from '../../../orchestration/error-text.ts'
import { engineType } from '../../support/type-table.ts'

const GOOD = { account: 'acme-prod', user: 'loader', password: 'p' }
const problems = (options: Record<string, unknown>): readonly string[] =>
  (snowflakeOptions.safeParse(options).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('options', () => {
  test.each<readonly [string, Record<string, unknown>, readonly RegExp[]]>([
    ['the least that is needed', GOOD, []],
    ['no credential', { account: 'a', user: 'u' }, [/exactly one of password, private_key/]],
    ['two credentials', { ...GOOD, token: 't' }, [/^token: expected exactly one/]],
    ['a password without user', { account: 'a', password: 'p' }, [/^user: /]],
    ['a token without user', { account: 'a', token: 't' }, []],
    ['http to another machine', { ...GOOD, protocol: 'http', host: 'snow.example' }, [/^protocol: expected https/]],
    ['http to this machine', { ...GOOD, protocol: 'http', host: '127.0.0.1', port: 1 }, []],
    ['a port without host', { ...GOOD, port: 443 }, [/^port: /]],
    ['a passphrase without key', { ...GOOD, passphrase: 'x' }, [/^passphrase: /]],
    ['an account that is a URL', { ...GOOD, account: 'https://x.snowflakecomputing.com' }, [/^account: /]],
    [
      'a stage of keys and integration',
      { ...GOOD, stage: { url: 's3://b/', storage_integration: 'I', access_key_id: 'a', secret_access_key: 'b' } },
      [/^stage\.storage_integration: /],
    ],
    ['half a key', { ...GOOD, stage: { url: 's3://b/', access_key_id: 'a' } }, [/^stage\.secret_access_key: /]],
    [
      'another store without its host',
      { ...GOOD, stage: { url: 's3compat://b/', access_key_id: 'a', secret_access_key: 'b' } },
      [/^stage\.endpoint: /],
    ],
    ['a directory', { ...GOOD, stage: { url: 'file:///lake' } }, [/^stage\.url: /]],
    ['an unknown option', { ...GOOD, pasword: 'p' }, [/pasword/]],
  ])('%s', (_name, options, expected) => {
    const found = problems(options)
    expect(found).toHaveLength(expected.length)
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern)
  })

  test('the driver gets every safety setting, and a copy each time', () => {
    const options = snowflakeOptions.parse({
      ...GOOD,
      host: 'acme.privatelink.example',
      port: 8443,
      role: 'R',
      warehouse: 'W',
      database: 'D',
    })
    const first = connectionOptions(options)
    expect(first).toMatchObject({
      accessUrl: 'https://acme.privatelink.example:8443',
      username: 'loader',
      role: 'R',
      warehouse: 'W',
      database: 'D',
      streamResult: true,
      rowMode: 'array',
      fetchAsString: ['Number', 'Date', 'JSON', 'Buffer'],
      representNullAsStringNull: false,
      sfRetryMaxLoginRetries: 0,
    })
    expect(connectionOptions(options)).not.toBe(first)
  })
})

describe('errors', () => {
  const codes = (error: object) => {
    const { code, transient = false } = diagnose(error)
    return `${code}${transient ? ' again' : ''}`
  }
  test.each<readonly [string, object, string]>([
    ['a wrong password', { code: '390100' }, 'AUTHENTICATION'],
    ['a key', { code: '390144' }, 'AUTHENTICATION'],
    ['a role that is not granted', { code: '390189', sqlState: '08004' }, 'PRIVILEGE'],
    ['a session that is over', { code: '390112' }, 'CONNECTION again'],
    ['syntax', { code: '001003', sqlState: '42000' }, 'STATEMENT'],
    ['an unknown object', { code: '002003', sqlState: '42S02' }, 'STATEMENT'],
    ['a missing privilege', { code: '003001', sqlState: '42501' }, 'PRIVILEGE'],
    ['a cancelled statement', { code: '000604', sqlState: '57014' }, 'ABORTED'],
    ['a statement timeout', { code: '000630', sqlState: '57014' }, 'TIMEOUT'],
    ['no virtual warehouse', { code: '000606', sqlState: '57P03' }, 'CONFIGURATION'],
    ['a lock', { code: '000625', sqlState: '57014' }, 'UNAVAILABLE again'],
    ['an unknown SQL error', { code: '099999', sqlState: '22000' }, 'STATEMENT'],
    ['an internal error of the server', { code: '300002', sqlState: 'XX000' }, 'UNAVAILABLE again'],
    ['no network', { code: 401001, cause: { code: 'ECONNREFUSED' } }, 'CONNECTION again'],
    ['HTTP 503', { code: 401002, response: { statusCode: 503 } }, 'UNAVAILABLE again'],
    ['HTTP 429', { code: 401002, response: { statusCode: 429 } }, 'THROTTLED again'],
    ['HTTP 403', { code: 401002, response: { statusCode: 403 } }, 'AUTHENTICATION'],
    ['a certificate', { code: 401001, cause: { code: 'SELF_SIGNED_CERT_IN_CHAIN' } }, 'TLS'],
    ['a page instead of an answer', { name: 'OperationFailedError' }, 'CONNECTION again'],
    ['an option of the driver', { code: 404007 }, 'CONFIGURATION'],
    ['anything else', new TypeError('x'), 'INTERNAL'],
  ])('%s', (_name, error, expected) => {
    expect(codes(error)).toBe(expected)
  })

  test('the message has subject, codes and cure; the server’s words are its cause', () => {
    const error = failure(
      'A statement on Snowflake account "a"',
      Object.assign(new Error("SQL compilation error: unexpected 'FORM'."), { code: '001003', sqlState: '42000' }),
    )
    expect(error.message).toBe(
      'A statement on Snowflake account "a": the server refused it (001003, SQL state 42000). Correct the statement by its own words',
    )
    expect(String(error.cause)).toContain('FORM')
  })

  test.each([
    ['100038', '22018', "Numeric value '4711' is not recognized", 'a text is no number'],
    [
      '100039',
      '22003',
      'Number out of representable range: type FIXED (38,5), value 4711',
      'a number is out of the range of its type',
    ],
    [
      '100090',
      '42P18',
      'Duplicate row detected during DML action\nRow Values: [4711]',
      'several rows of a MERGE match the same row',
    ],
    ['099999', '22000', 'something with 4711', 'a value does not fit'],
  ])('words that quote a value go nowhere: %s', (code, sqlState, words, problem) => {
    const thrown = Object.assign(new Error(words), { code, sqlState, data: { queryId: '01b-7' } })
    const error = failure('A statement', thrown)
    expect([error.code, error.message]).toEqual([
      'STATEMENT',
      `A statement: ${problem} (${code}, SQL state ${sqlState}). The server's words quote it, so they stay with the server: see query 01b-7 in Snowflake's query history`,
    ])
    expect(serverCode(error)).toBe(code)
    expect(errorText(error, { stack: true })).not.toContain('4711')
  })
})

test('session parameters that kept another value are named, whatever the case', () => {
  const wanted = sessionParameters({ statement_timeout_s: 600 }, 'portage:loans:r1')
  const found = new Map(Object.entries(wanted).map(([name, value]) => [name, String(value).toLowerCase()]))
  expect(differingParameters(wanted, found)).toEqual([])
  expect(differingParameters(wanted, new Map([...found, ['TIMEZONE', 'CET']]))).toEqual(['TIMEZONE'])
  found.delete('BINARY_OUTPUT_FORMAT')
  expect(differingParameters(wanted, found)).toEqual(['BINARY_OUTPUT_FORMAT'])
  expect(String(sessionParameters({ statement_timeout_s: 1 }, 'x'.repeat(3_000)).QUERY_TAG)).toHaveLength(2_000)
})

test('types are those of the one type table', () => {
  const types: readonly LogicalType[] = [
    ...(['bool', 'int16', 'int32', 'int64', 'float32', 'float64', 'binary', 'date'] as const).map((kind) => ({ kind })),
    { kind: 'decimal', precision: 12, scale: 2 },
    ...(['text', 'json', 'uuid', 'time', 'timetz', 'interval', 'hex'] as const).map(
      (format) => ({ kind: 'utf8', format }) as const,
    ),
    { kind: 'timestamp', utc: true },
    { kind: 'timestamp', utc: false },
  ]
  for (const type of types) expect(shownType(type)).toBe(engineType(type, 'snowflake'))
})
