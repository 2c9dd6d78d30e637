/** No value of a row and no secret leaves by a message, a log, the audit trail, a tag, a comment or a statement of ours. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { batchOf } from '../../contracts/table-rows.ts'
import { writeOrc } from '../../support/orc-files.ts'
import { EXPIRED, type FaultEffect, LOST_ANSWER, UNAVAILABLE } from '../../support/snowflake/faults.ts'
import { LIVE } from '../../support/snowflake-account.ts'
import { type SnowflakePlace, snowflakePlace } from './place.ts'

const CANARY = 'canary4711'
const NUMBER = '471147114711.47'

test.each(LIVE ? [] : ['the endpoint'])(
  '%s: a row’s values and the secrets are in no message, log, audit event, state file, tag, comment or statement',
  async () => {
    await using at = await snowflakePlace()
    const { account, run } = at
    const { endpoint, schema, store } = account
    if (endpoint === null) throw new Error('the endpoint is needed')
    const ended = async (code: number, ...argv: readonly string[]) =>
      expect([argv[0], (await run(...argv)).code]).toEqual([argv[0], code])

    await at.database.query(`create table client (id bigint primary key, name text, doc jsonb, amount numeric(18,2), day date);
    insert into client values (1, '${CANARY}', '{"k": "${CANARY}"}', ${NUMBER}, '4711-04-07')`)
    const faults: readonly FaultEffect[] = [
      UNAVAILABLE,
      EXPIRED,
      LOST_ANSWER,
      {
        kind: 'failure',
        when: 'before',
        code: '100038',
        sqlState: '22018',
        message: `Numeric value '${CANARY}' is not recognized`,
      },
    ]
    for (const [index, effect] of faults.entries())
      endpoint.arm({ request: 'query', sql: /ADD FILES|^SELECT METADATA/, nth: index + 1, effect })
    await run('--verbose', 'run', 'loans', '--until-current')
    await run('--verbose', 'register', 'loans')
    endpoint.clearFaults()
    await ended(0, 'run', 'loans', '--until-current')

    // A proof that fails, and its repair.
    const file = (await keysOf(at)).find((key) => key.endsWith('.parquet') && key.includes('/base/')) ?? ''
    const bytes = (await store.get(file)) ?? new Uint8Array()
    await store.delete([file])
    await store.putIfAbsent(
      file,
      bytes.map((byte, place) => (place > 4 && place < 60 ? byte ^ 0xff : byte)),
    )
    await ended(1, '--verbose', 'register', 'loans', '--repair')
    await store.delete([file])
    await store.putIfAbsent(file, bytes)
    await ended(0, 'register', 'loans', '--repair')
    await ended(0, 'register', 'loans', '--repair', '--dry-run')

    // Rows that leave, some of which do not fit.
    await account.rows(`CREATE TABLE ${schema}.wide (word VARCHAR, n NUMBER(38,0))`)
    await account.rows(`INSERT INTO ${schema}.wide SELECT '${CANARY}', 471147114711471147114711`)
    const of = (name: string) => `snow:${schema}.${name}`
    await ended(0, 'transfer', of('client'), 'lake:back')
    await ended(1, '--verbose', 'transfer', `snow:select word::number as n from ${schema}.wide`, 'lake:vain')
    endpoint.arm({
      request: 'query',
      sql: /COPY INTO/,
      times: 9,
      effect: { kind: 'failure', when: 'after', code: '100090', sqlState: '42P18', message: `Row Values: ["${CANARY}"]` },
    })
    await ended(1, '--verbose', 'transfer', of('wide'), 'lake:vain')
    endpoint.clearFaults()

    // Files of others, right and damaged.
    const rows = batchOf([[CANARY]], [{ name: 'word', type: { kind: 'utf8', format: 'text' }, sourceType: '', nullable: true }])
    const orc = (await writeOrc(rows.schema, [rows])).bytes
    await store.putIfAbsent('others/dt=1/a', orc)
    await ended(0, 'link', store.address('others/'), of('others'))
    await store.putIfAbsent(
      'others/dt=1/b',
      orc.map((byte, place) => (place < 20 ? byte ^ 0xff : byte)),
    )
    await run('--verbose', 'link', store.address('others/'), of('others'))

    for (const command of ['status', 'plan', 'check', 'audit'])
      await run('--verbose', command, ...(command === 'audit' ? [] : ['loans']))
    await ended(0, 'reconcile', 'loans')
    // A query shows the rows that it was asked for, and its errors show none.
    const asked = await run('--verbose', 'query', '--connection', 'snow', `select word::number from ${schema}.wide`)
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('a text is no number (100038')])

    const { password } = account.connection
    expect(at.said.join('').length).toBeGreaterThan(10_000)
    const { secret_access_key: secret } = account.lake
    const hidden = [CANARY, NUMBER, '4711-04-07', '471147114711', String(password), String(secret)]
    const told = (place: string, text: string) =>
      expect([place, hidden.filter((word) => text.includes(word))]).toEqual([place, []])
    told('output', at.said.join('\n'))
    for (const name of readdirSync(at.files.dir, { recursive: true }).map(String)) {
      const path = at.files.path(name)
      if (!name.startsWith('config') && statSync(path).isFile()) told(name, readFileSync(path, 'latin1'))
    }
    for (const key of await keysOf(at)) {
      if (key.includes('/audit/')) told(key, Buffer.from((await store.get(key)) ?? []).toString('latin1'))
    }
    for (const { sql, tag } of endpoint.statements) {
      told('tag', tag ?? '')
      // Only the endpoint is told how to reach the bucket, and only by the statement that says so.
      if (/^(CREATE STAGE|ALTER STAGE)/.test(sql) || /^(CREATE TABLE|INSERT INTO)/.test(sql)) continue
      told(sql.slice(0, 40), sql)
    }
    const comments = await account.rows(`SHOW OBJECTS IN SCHEMA ${schema}`)
    told('objects', JSON.stringify(comments))
  },
  120_000,
)

async function keysOf({ account }: SnowflakePlace): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of account.store.list('')) keys.push(key)
  return keys
}
