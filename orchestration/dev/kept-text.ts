/** Secrets of the development services: made once, kept in files that are readable by their owner only. */
import { readFileSync, writeFileSync } from 'node:fs'

/** What the file says; written with the text when it is not there. */
export function keptText(path: string, text: string): string {
  try {
    writeFileSync(path, `${text}\n`, { mode: 0o600, flag: 'wx' })
    return text
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    return readFileSync(path, 'utf8').trim()
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
