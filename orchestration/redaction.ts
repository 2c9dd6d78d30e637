/** Keeps what was resolved from secret references out of everything that is printed or logged. */
import { createRedactor } from '../config/secrets.ts'

export type Redaction = {
  /** The text without any secret added so far and without passwords in URLs. */
  readonly redact: (text: string) => string
  readonly add: (secrets: Iterable<string>) => void
}

export function createRedaction(): Redaction {
  const known = new Set<string>()
  let redact = createRedactor(known)
  return {
    redact: (text) => redact(text),
    add: (secrets) => {
      for (const secret of secrets) known.add(secret)
      redact = createRedactor(known)
    },
  }
}

const SECRET_OPTION = /pass(?:word|phrase)?$|secret|token|(?:^|_)key$/i

/** Strings of connection options that are secrets by their name, and passwords inside URLs, however they were written. */
export function secretOptions(options: unknown): readonly string[] {
  if (options === null || typeof options !== 'object') return []
  return Object.entries(options).flatMap(([name, value]): readonly string[] => {
    if (typeof value !== 'string') return secretOptions(value)
    if (SECRET_OPTION.test(name)) return [value]
    const password = URL.parse(value)?.password ?? ''
    return password === '' ? [] : [password, safeDecode(password)]
  })
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
