/** Every scalar function that there is here. */
import { CONDITIONAL_FUNCTIONS } from './conditional.ts'
import type { FunctionTable } from './function.ts'
import { NUMERIC_FUNCTIONS } from './numeric.ts'
import { SEMI_FUNCTIONS } from './semi.ts'
import { SESSION_FUNCTIONS } from './session.ts'
import { TEXT_FUNCTIONS } from './text.ts'
import { TIME_FUNCTIONS } from './time.ts'
import { TIME_CONVERSIONS } from './time-conversion.ts'

export const SCALAR_FUNCTIONS: FunctionTable = {
  ...TEXT_FUNCTIONS,
  ...NUMERIC_FUNCTIONS,
  ...CONDITIONAL_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...TIME_CONVERSIONS,
  ...SEMI_FUNCTIONS,
  ...SESSION_FUNCTIONS,
}
