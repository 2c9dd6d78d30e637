/** The faults that the store and the commit log are tried under, by name. */
import type { Fault, FaultEffect } from '../../support/s3/faults.ts'

const error = (when: 'before' | 'after', status: number, code: string): FaultEffect => ({ kind: 'error', when, status, code })

export const FAULTS: Readonly<Record<string, Pick<Fault, 'operation' | 'effect'>>> = {
  '503 SlowDown': { effect: error('before', 503, 'SlowDown') },
  '500, nothing done': { effect: error('before', 500, 'InternalError') },
  '500 after the write': { effect: error('after', 500, 'InternalError') },
  '409 conflict': {
    operation: ['PutObject', 'CompleteMultipartUpload'],
    effect: error('before', 409, 'ConditionalRequestConflict'),
  },
  'reset before': { effect: { kind: 'reset', when: 'before' } },
  'reset after': { effect: { kind: 'reset', when: 'after' } },
  'stall before': { effect: { kind: 'stall', when: 'before' } },
  'stall after': { effect: { kind: 'stall', when: 'after' } },
  'wrong ETag': { operation: ['PutObject', 'UploadPart'], effect: { kind: 'wrong-etag' } },
  'truncated body': { operation: 'GetObject', effect: { kind: 'truncate-body', bytes: 1 } },
  'corrupt body': { operation: 'GetObject', effect: { kind: 'corrupt-body' } },
  'upload cut off': { operation: ['PutObject', 'UploadPart'], effect: { kind: 'drop-upload', bytes: 0 } },
  'error under 200': { operation: 'CompleteMultipartUpload', effect: { kind: 'error-in-body', code: 'InternalError' } },
}

/** Rows of a table as lines of equal columns. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
