import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../../connectors/errors.ts'
import { connectorError } from '../../../connectors/postgres/server-error.ts'

const server = (code: string, message = 'as the server says') => Object.assign(new Error(message), { code, severity: 'ERROR' })

describe('errors of the server and the socket', () => {
  test.each([
    ['28P01', 'AUTHENTICATION'],
    ['28000', 'AUTHENTICATION'],
    ['57P01', 'UNAVAILABLE'],
    ['57P03', 'UNAVAILABLE'],
    ['57014', 'TIMEOUT'],
    ['53100', 'FULL'],
    ['53300', 'THROTTLED'],
    ['53400', 'SOURCE_SETUP'],
    ['55P03', 'TIMEOUT'],
    ['42501', 'PRIVILEGE'],
    ['3D000', 'NOT_FOUND'],
    ['08006', 'CONNECTION'],
    ['42601', 'STATEMENT'],
    ['ECONNREFUSED', 'CONNECTION'],
    ['ENOTFOUND', 'CONNECTION'],
    ['ECONNRESET', 'CONNECTION'],
    ['CERT_HAS_EXPIRED', 'TLS'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS'],
  ])('%s is %s', (code, expected) => {
    const error = connectorError(server(code), 'Reading "x"')
    expect(error.code).toBe(expected)
    expect(error.message.startsWith('Reading "x" failed: ')).toBe(true)
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('a pooler and an old server are recognised', () => {
    expect(connectorError(server('08P01', 'unsupported startup parameter: options'), 'Connecting').message).toContain('pooler')
    const old = connectorError(server('42704', 'unrecognized configuration parameter "idle_session_timeout"'), 'Connecting')
    expect(old.message).toContain('PostgreSQL 14')
  })

  test('a data error shows no value', () => {
    const error = connectorError(server('22P02', 'invalid input syntax for type integer: "secret"'), 'Reading "x"')
    expect(error.message).not.toContain('secret')
    expect(error.message).toContain('SQLSTATE 22P02')
  })

  test('an abort wins, and an error of ours stays as it is', () => {
    expect(connectorError(server('57014'), 'Reading', AbortSignal.abort()).code).toBe('ABORTED')
    const ours = new ConnectorError('SLOT_LOST', 'gone')
    expect(connectorError(ours, 'Reading')).toBe(ours)
  })
})
