import { expect, test } from 'vitest'
import { type DamagedFormat, fuzz } from './damaged-files.ts'

const SECONDS = Number(process.env.PORTAGE_FUZZ_SECONDS ?? 600)

for (const format of ['orc', 'parquet'] satisfies readonly DamagedFormat[]) {
  test(`ten minutes of damaged ${format} files end in rows or in errors of ours`, async () => {
    const seed = Number(process.env.PORTAGE_FUZZ_SEED ?? Date.now() % 1_000_000)
    const report = await fuzz({ format, seconds: SECONDS, seed })
    console.log(`${format} fuzz: ${JSON.stringify(report)}`)
    expect(report.finding).toBeNull()
    expect(report.cases).toBeGreaterThan(100)
  })
}
