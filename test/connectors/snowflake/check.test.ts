/** What `check` says of an account that is not ready. The account of these tests is a script. */
import { expect, test } from 'vitest'
import { ConnectorError } from '../../../connectors/errors.ts'
import { check } from '../../../connectors/snowflake/check.ts'
import { type SnowflakeOptions, snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { refusal, type Script, scriptedClient } from './scripted-client.ts'

const signal = new AbortController().signal
const STAGE = { url: 's3://bank/lake/', storage_integration: 'LAKE' }
const OPTIONS = { account: 'acme-prod', user: 'loader', password: 'p', database: 'bank', warehouse: 'load', stage: STAGE }

const SESSION: Script[number] = [/CURRENT_ROLE/, [{ role: 'LOADER', warehouse: 'LOAD', database: 'BANK' }]]
const grant = (privilege: string, granted_on: string, name: string) => ({ privilege, granted_on, name })
const GRANTS = [
  grant('USAGE', 'WAREHOUSE', 'LOAD'),
  grant('USAGE', 'DATABASE', 'BANK'),
  grant('CREATE SCHEMA', 'DATABASE', 'BANK'),
  grant('USAGE', 'INTEGRATION', 'LAKE'),
]
const INTEGRATION = [
  { property: 'ENABLED', property_value: 'true' },
  { property: 'STORAGE_ALLOWED_LOCATIONS', property_value: 's3://bank/lake/' },
  { property: 'STORAGE_AWS_ROLE_ARN', property_value: 'arn:aws:iam::1:role/lake' },
  { property: 'STORAGE_AWS_IAM_USER_ARN', property_value: 'arn:aws:iam::2:user/snow' },
  { property: 'STORAGE_AWS_EXTERNAL_ID', property_value: 'ACME_SF_1' },
]
const grants = (rows: readonly Record<string, string>[] = GRANTS): Script[number] => [/^SHOW GRANTS TO ROLE "LOADER"$/, rows]

async function problemsOf(script: Script, more: Record<string, unknown> = {}) {
  const options: SnowflakeOptions = snowflakeOptions.parse({ ...OPTIONS, ...more })
  const client = scriptedClient(script)
  const problems = await check(options, async () => client, signal)
  return { ran: client.ran, text: problems.map(({ problem, cure }) => `${problem}\n  ${cure}`) }
}

test('nothing when all is there, and nothing is run but questions', async () => {
  const { text, ran } = await problemsOf([SESSION, grants(), [/^DESC INTEGRATION/, INTEGRATION]])
  expect(text).toEqual([])
  for (const sql of ran) expect(sql).toMatch(/^(SELECT CURRENT|SHOW|DESC|LIST) ?/)
})

test('every missing grant at once, each with its SQL', async () => {
  const { text } = await problemsOf([SESSION, grants([]), [/^DESC INTEGRATION/, INTEGRATION]])
  expect(text).toEqual([
    'role LOADER may not use virtual warehouse LOAD\n  Let an administrator run: GRANT USAGE ON WAREHOUSE "LOAD" TO ROLE "LOADER";',
    'role LOADER may not use database BANK\n  Let an administrator run: GRANT USAGE ON DATABASE "BANK" TO ROLE "LOADER";',
    expect.stringContaining('GRANT CREATE SCHEMA ON DATABASE "BANK" TO ROLE "LOADER";'),
    'role LOADER may not use storage integration LAKE\n  Let an administrator run: GRANT USAGE ON INTEGRATION "LAKE" TO ROLE "LOADER";',
  ])
})

test('grants of roles that the role has count; so does a schema that it may fill', async () => {
  const inherited: Script = [
    [/^SHOW GRANTS TO ROLE "LOADER"$/, [grant('USAGE', 'ROLE', 'PARENT'), ...GRANTS.slice(0, 2), GRANTS[3] ?? {}]],
    [
      /^SHOW GRANTS TO ROLE "PARENT"$/,
      ['USAGE', 'CREATE STAGE', 'CREATE FILE FORMAT', 'CREATE EXTERNAL TABLE', 'CREATE VIEW'].map((privilege) =>
        grant(privilege.replaceAll(' ', '_'), 'SCHEMA', 'BANK.RAW'),
      ),
    ],
  ]
  expect((await problemsOf([SESSION, ...inherited, [/^DESC INTEGRATION/, INTEGRATION]])).text).toEqual([
    expect.stringContaining('may not create schemas'),
  ])
  const spelt = inherited.map(([pattern, rows]) => [
    pattern,
    (rows as readonly Record<string, string>[]).map((row) => ({ ...row, privilege: (row.privilege ?? '').replaceAll('_', ' ') })),
  ]) as unknown as Script
  expect((await problemsOf([SESSION, ...spelt, [/^DESC INTEGRATION/, INTEGRATION]])).text).toEqual([])
})

test('no storage integration: the SQL that makes one', async () => {
  const { text } = await problemsOf([SESSION, grants(), [/^DESC INTEGRATION/, refusal('002003', '02000')]])
  expect(text).toEqual([expect.stringContaining('CREATE STORAGE INTEGRATION "LAKE" TYPE = EXTERNAL_STAGE')])
  expect(text[0]).toContain("STORAGE_ALLOWED_LOCATIONS = ('s3://bank/lake/')")
  expect(text[0]).toContain('GRANT USAGE ON INTEGRATION "LAKE" TO ROLE "LOADER";')
})

test('a storage integration that is disabled or for other places', async () => {
  const other = [
    { property: 'ENABLED', property_value: 'false' },
    { property: 'STORAGE_ALLOWED_LOCATIONS', property_value: 's3://bank/lakehouse/,s3://other/' },
  ]
  const { text } = await problemsOf([SESSION, grants(), [/^DESC INTEGRATION/, other]])
  expect(text.map((line) => line.split('\n')[0])).toEqual([
    'storage integration LAKE is disabled',
    'storage integration LAKE allows s3://bank/lakehouse/,s3://other/, not s3://bank/lake/',
  ])
})

test('a stage that cannot be read: the trust policy of the AWS role', async () => {
  const stages = [{ database_name: 'BANK', schema_name: 'RAW', name: 'PORTAGE__LOANS__LAKE', url: 's3://bank/lake/' }]
  const { text, ran } = await problemsOf([
    SESSION,
    grants(),
    [/^DESC INTEGRATION/, INTEGRATION],
    [/^SHOW STAGES/, stages],
    [/^LIST @"BANK"\."RAW"\."PORTAGE__LOANS__LAKE"\/_portage\/probe\/$/, refusal('003167', '42501', 'PRIVILEGE')],
  ])
  expect(text).toEqual([expect.stringContaining('Snowflake cannot read s3://bank/lake/ through stage')])
  expect(text[0]).toContain('"sts:ExternalId": "ACME_SF_1"')
  expect(text[0]).toContain('"AWS": "arn:aws:iam::2:user/snow"')
  expect(text[0]).toContain('arn:aws:s3:::bank/lake/*')
  expect(ran.at(-1)).toMatch(/^LIST /)
})

test('what the configuration lacks', async () => {
  const { text } = await problemsOf([[/CURRENT_ROLE/, [{ role: 'LOADER', warehouse: null, database: null }]]], {
    database: undefined,
    warehouse: undefined,
    stage: undefined,
  })
  expect(text.map((line) => line.split('\n')[0])).toEqual([
    'no database is named',
    'the way to the lake is not known',
    'role LOADER has no virtual warehouse',
  ])
})

test('an account that refuses the log-in is one problem, in words', async () => {
  const options = snowflakeOptions.parse(OPTIONS)
  const refused = new ConnectorError(
    'AUTHENTICATION',
    'Log-in to Snowflake account "acme-prod": the user or its password is wrong',
  )
  const problems = await check(options, () => Promise.reject(refused), signal)
  expect(problems).toMatchObject([{ subject: 'Snowflake account "acme-prod"', problem: refused.message }])
  await expect(check(options, () => Promise.reject(new ConnectorError('ABORTED', 'stopped')), signal)).rejects.toThrow('stopped')
})
