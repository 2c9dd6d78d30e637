import { expect, test } from 'vitest'
import { fuzz } from './orc-fuzz.ts'

const SECONDS = Number(process.env.PORTAGE_FUZZ_SECONDS ?? 600)

test('ten minutes of damaged ORC files end in rows or in errors of ours', async () => {
  const report = await fuzz({ seconds: SECONDS, seed: Number(process.env.PORTAGE_FUZZ_SEED ?? Date.now() % 1_000_000) })
  console.log(`ORC fuzz: ${JSON.stringify(report)}`)
  expect(report.finding).toBeNull()
  expect(report.cases).toBeGreaterThan(100)
})
