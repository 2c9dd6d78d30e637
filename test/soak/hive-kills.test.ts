/**
 * `portage register` killed with SIGKILL before, during and after each of its statements and objects, on a real HiveServer2 and a
 * real Spark Thrift server. `PORTAGE_SOAK_STRIDE` takes every so many moments only, from number `PORTAGE_SOAK_FIRST` on.
 */
import { expect, test } from 'vitest'
import { killRegistrations } from '../support/hive/killed-registration.ts'
import { startHiveServer } from '../support/services/hive-server.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'

const stride = Number(process.env.PORTAGE_SOAK_STRIDE ?? 1)
const first = Number(process.env.PORTAGE_SOAK_FIRST ?? 0)

test.each([
  ['hive', startHiveServer],
  ['spark', startSparkThrift],
] as const)('a registration in %s that is killed anywhere, a real server', async (dialect, start) => {
  const begun = performance.now()
  const { moments, kills, answers } = await killRegistrations({
    dialect,
    start,
    stride,
    first,
    lake: 'bucket',
    format: 'orc',
    tell: console.log,
  })
  console.log(
    `${dialect}: ${kills} kills at ${moments} moments, ${answers} answers beside, ${Math.round((performance.now() - begun) / 1000)} s`,
  )
  expect(kills).toBe(Math.ceil((moments - first) / stride))
  expect(moments).toBeGreaterThan(60)
})
