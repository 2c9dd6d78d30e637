import { test } from 'vitest'
import { CRASH_LAKES } from './crash-lakes.ts'
import { crashRun } from './crash-run.ts'

const {
  PORTAGE_SOAK_KILLS = '20',
  PORTAGE_SOAK_ROWS = '600000',
  PORTAGE_SOAK_SEED = String(Date.now() % 1_000_000),
} = process.env

const { PORTAGE_SOAK_STORE } = process.env

test.each(CRASH_LAKES.filter((lake) => PORTAGE_SOAK_STORE === undefined || PORTAGE_SOAK_STORE === lake))(
  `lake on %s, killed ${PORTAGE_SOAK_KILLS} times: source = lake, each change once, no unnamed file, the Python reader agrees`,
  { timeout: 3_600_000 },
  (lake) =>
    crashRun({
      kills: Number(PORTAGE_SOAK_KILLS),
      rows: Number(PORTAGE_SOAK_ROWS),
      seed: Number(PORTAGE_SOAK_SEED),
      lake,
    }),
)
