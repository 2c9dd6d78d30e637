import { expect, test } from 'vitest'
import { loadConfiguration } from '../../config/load.ts'
import { transferOf } from '../../orchestration/transfer/from-yaml.ts'
import { transferOptions } from '../../orchestration/transfer/options.ts'
import { scratch } from '../support/scratch.ts'

const CONNECTIONS = 'lake: {connector: filesystem, path: lake}\n'
const VISITS = `name: visits
kind: transfer
from: file:visits.csv
to: lake:risk.visits
mode: append
where: "amount > 0"
columns: [id, 'a,b', amount]
on_bad_value: reject
register: false
csv:
  delimiter: ';'
  header: false
  names: [id, 'a,b', amount]
  null_values: [NA, '-']
  decimal: comma
  date_format: '%d.%m.%Y'
  types: {amount: 'decimal(12,2)'}
schedule: {cron: '0 5 * * *', wait_for: {trigger: 's3://in/visits.trg'}}
`

test('a file of kind transfer says what the command line says', () => {
  using files = scratch({ 'connections.yaml': CONNECTIONS, 'integrations/visits.yaml': VISITS })
  const { integrations, transfers } = loadConfiguration(files.dir)
  const [visits] = transfers
  if (visits === undefined) throw new Error('no transfer')
  expect([integrations, visits.name]).toEqual([[], 'visits'])
  expect(transferOf(visits, { dryRun: true })).toEqual(
    transferOptions('file:visits.csv', 'lake:risk.visits', {
      mode: 'append',
      where: 'amount > 0',
      columns: 'id,"a,b",amount',
      onBadValue: 'reject',
      register: false,
      delimiter: ';',
      header: false,
      names: 'id,"a,b",amount',
      nullValues: 'NA,-',
      decimal: 'comma',
      dateFormat: '%d.%m.%Y',
      types: ['amount=decimal(12,2)'],
      dryRun: true,
    }),
  )
})

test('every problem of such a file is told with its place', () => {
  using files = scratch({
    'connections.yaml': CONNECTIONS,
    'integrations/a.yaml': 'name: a\nkind: transfer\nfrom: file:x.csv\nmode: merge\nwhere: 1\ncsv: {delimeter: ";"}\n',
    'integrations/b.yaml': VISITS,
    'integrations/c.yaml': VISITS,
  })
  expect(() => loadConfiguration(files.dir)).toThrow(
    /to: missing[\s\S]*mode: expected replace, append[\s\S]*unknown key \(did you mean "delimiter"\?\)/,
  )
  expect(() => loadConfiguration(files.dir)).toThrow(/c.yaml:1 name: "visits" is taken by .*b.yaml/)
})
