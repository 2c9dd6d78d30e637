import { test } from 'vitest'
import { CRASH_LAKES } from '../soak/crash-lakes.ts'
import { crashRun } from '../soak/crash-run.ts'

test.each(CRASH_LAKES)(
  'lake on %s, killed four times under write load: source = lake, each change once, no unnamed file, the Python reader agrees',
  (lake) => crashRun({ kills: 4, rows: 150_000, seed: 20_261_121, lake }),
)
