/** Every operation of the fault matrix. */
import { SNAPSHOT, STREAM } from './capture-operations.ts'
import { COMPACTION } from './compaction-operation.ts'
import type { Operation } from './matrix.ts'
import { REGISTRATION } from './registration-operation.ts'
import { TRANSFERS } from './transfer-operations.ts'

export const OPERATIONS: readonly Operation[] = [SNAPSHOT, STREAM, COMPACTION, REGISTRATION, ...TRANSFERS]
