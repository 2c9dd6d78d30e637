/** Every scalar function that there is here. */
import { CONDITIONAL_FUNCTIONS } from './conditional.ts'
import type { FunctionTable } from './function.ts'
import { NUMERIC_FUNCTIONS } from './numeric.ts'
import { SEMI_FUNCTIONS } from './semi.ts'
import { SESSION_FUNCTIONS } from './session.ts'
import { TEXT_FUNCTIONS } from './text.ts'
import { TIME_FUNCTIONS } from './time.ts'

export const SCALAR_FUNCTIONS: FunctionTable = {
  ...TEXT_FUNCTIONS,
  ...NUMERIC_FUNCTIONS,
  ...CONDITIONAL_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...SEMI_FUNCTIONS,
  ...SESSION_FUNCTIONS,
}
