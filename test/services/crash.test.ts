import { test } from 'vitest'
import { crashRun } from '../soak/crash-run.ts'

test('killed four times under write load: source = lake, each change once, no unnamed file, the Python reader agrees', () =>
  crashRun({ kills: 4, rows: 150_000, seed: 20_261_121 }))
