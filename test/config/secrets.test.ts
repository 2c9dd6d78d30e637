import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { createRedactor, referenceProblems, resolveSecrets } from '../../config/secrets.ts'

const root = mkdtempSync(join(tmpdir(), 'portage-secrets-'))
afterAll(() => rmSync(root, { recursive: true }))
writeFileSync(join(root, 'key'), 'from-file\n')

test('references are replaced by the environment variable or the file they name', () => {
  const { value, secrets, problems } = resolveSecrets(
    { password: `\${env:PW}`, nested: [{ key: `\${file:key}` }], url: `postgres://u:\${env:PW}@h/db`, port: 5432 },
    { env: { PW: 's3cret' }, root },
  )
  expect(problems).toEqual([])
  expect(value).toEqual({ password: 's3cret', nested: [{ key: 'from-file' }], url: 'postgres://u:s3cret@h/db', port: 5432 })
  expect(secrets).toEqual(['s3cret', 'from-file'])
})

test('a reference that names nothing is a problem with its path, never an empty secret', () => {
  const { problems } = resolveSecrets(
    { a: `\${env:ABSENT}`, b: `\${env:EMPTY}`, c: `\${file:absent}`, d: `\${ssm:/x}`, e: `\${env:}` },
    { env: { EMPTY: '' }, root },
  )
  expect(problems).toMatchInlineSnapshot(`
    [
      {
        "path": [
          "a",
        ],
        "problem": "environment variable "ABSENT" is not set",
      },
      {
        "path": [
          "b",
        ],
        "problem": "environment variable "EMPTY" is empty",
      },
      {
        "path": [
          "c",
        ],
        "problem": "secret file "absent" cannot be read (ENOENT)",
      },
      {
        "path": [
          "d",
        ],
        "problem": "unknown reference "\${ssm:/x}": expected \${env:NAME} or \${file:path}",
      },
      {
        "path": [
          "e",
        ],
        "problem": "reference "\${env:}" names nothing",
      },
    ]
  `)
  expect(referenceProblems({ a: `\${env:ABSENT}`, d: `\${ssm:/x}` }).map(({ path }) => path)).toEqual([['d']])
})

test('redaction removes a secret in every form it is likely to appear', () => {
  const redact = createRedactor(['p@ss/"word'])
  expect(redact('plain p@ss/"word')).toBe('plain ***')
  expect(redact(`url ${encodeURIComponent('p@ss/"word')}`)).toBe('url ***')
  expect(redact(JSON.stringify({ a: 'p@ss/"word' }))).toBe('{"a":"***"}')
  expect(redact('postgres://loans:other@db.example/core')).toBe('postgres://loans:***@db.example/core')
})

test('no text that contains a secret leaves the redactor with it', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4 }), fc.string(), fc.string(), (secret, before, after) => {
      fc.pre(!'***'.includes(secret))
      expect(createRedactor([secret])(`${before}${secret}${after}`).includes(`${before}${secret}${after}`)).toBe(false)
    }),
  )
})
