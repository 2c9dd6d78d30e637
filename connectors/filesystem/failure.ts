/** Turns errors of the operating system into `ConnectorError`s with a cure. */
import { ConnectorError, type ErrorCode } from '../errors.ts'

export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

const MEANINGS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['FULL', 'the disk is full. Free space and run again; everything committed is kept'],
  EDQUOT: ['FULL', 'the disk quota is used up. Free space and run again; everything committed is kept'],
  EROFS: ['STORE', 'the file system is read-only. Mount it writable'],
  EACCES: ['STORE', 'permission denied. Give this user read and write access to the directory'],
  EPERM: ['STORE', 'operation not permitted. The directory must allow hard links and deletion by this user'],
  EXDEV: ['STORE', 'part of the lake is on another file system. Keep the whole directory on one'],
  EMLINK: ['STORE', 'the file system does not take another hard link'],
  ENOTDIR: ['STORE', 'an object already exists where a directory is needed'],
  EISDIR: ['STORE', 'a directory already exists where an object is needed'],
  EMFILE: ['UNAVAILABLE', 'too many open files. Raise the limit (ulimit -n)'],
  ENFILE: ['UNAVAILABLE', 'the system has too many open files'],
  ESTALE: ['UNAVAILABLE', 'the network file system lost the handle'],
}

/** Passes `ConnectorError`s and abort reasons on; wraps everything else. `subject` names the object, `doing` what was tried. */
export function failure(error: unknown, doing: string, subject: string): Error {
  if (error instanceof ConnectorError) return error
  if (error instanceof Error && error.name === 'AbortError') {
    return new ConnectorError('ABORTED', `${subject}: ${doing} was aborted`, { cause: error })
  }
  const [code, meaning] = MEANINGS[systemCode(error) ?? ''] ?? [
    'STORE',
    `the file system answered ${systemCode(error) ?? 'an error'}`,
  ]
  return new ConnectorError(code, `${subject}: could not ${doing}, ${meaning}`, { cause: error })
}

/** Throws `ABORTED` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, subject: string): void {
  if (signal?.aborted === true) {
    throw new ConnectorError('ABORTED', `${subject}: aborted`, { cause: signal.reason })
  }
}
