/**
 * Secret references: `${env:NAME}` and `${file:path}`. Configuration carries references only; they are resolved when a
 * connection is opened, and what they resolved to is scrubbed from everything that is logged or printed.
 */
import { readFileSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'

const REFERENCE = /\$\{([^}]*)\}/g
const SCHEMES = ['env', 'file'] as const
type Scheme = (typeof SCHEMES)[number]

export type SecretContext = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Directory that relative `${file:…}` paths start from. */
  readonly root: string
}

export type SecretProblem = { readonly path: readonly PropertyKey[]; readonly problem: string }

/** `secrets` are the resolved texts, to be given to `createRedactor`. */
export type ResolvedSecrets = {
  readonly value: unknown
  readonly secrets: readonly string[]
  readonly problems: readonly SecretProblem[]
}

/** Problems of the references in a value (wrong scheme, empty name) without resolving any. */
export function referenceProblems(value: unknown): readonly SecretProblem[] {
  const problems: SecretProblem[] = []
  mapStrings(value, [], (text, path) => {
    for (const match of text.matchAll(REFERENCE)) {
      const problem = parseReference(match[1] ?? '').problem
      if (problem !== null) problems.push({ path, problem })
    }
    return text
  })
  return problems
}

/** Replaces every reference, anywhere in a value, by what it names. One trailing line break of a file is dropped. */
export function resolveSecrets(value: unknown, context: SecretContext): ResolvedSecrets {
  const secrets = new Set<string>()
  const problems: SecretProblem[] = []
  const resolved = mapStrings(value, [], (text, path) =>
    text.replace(REFERENCE, (whole, inner: string) => {
      const { scheme, name, problem } = parseReference(inner)
      const secret = problem === null ? readSecret(scheme, name, context) : { text: null, problem }
      if (secret.text === null) {
        problems.push({ path, problem: secret.problem })
        return whole
      }
      secrets.add(secret.text)
      return secret.text
    }),
  )
  return { value: resolved, secrets: [...secrets], problems }
}

/** True when the text is, or contains, a secret reference. */
export function isReference(text: string): boolean {
  return text.search(REFERENCE) >= 0
}

const CREDENTIALS_IN_URL = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@]*):[^\s/?#]*@/gi
const MIN_SECRET_LENGTH = 4

/**
 * A function that replaces the given secrets (also percent-encoded, JSON-escaped or in Base64) and passwords inside URLs by `***`.
 * Secrets shorter than four characters are only removed from URLs: replacing them everywhere would hide the text instead.
 */
export function createRedactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) continue
    forms.add(secret)
    forms.add(encodeURIComponent(secret))
    forms.add(JSON.stringify(secret).slice(1, -1))
    forms.add(Buffer.from(secret).toString('base64'))
  }
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  return (text) => {
    let clean = text
    for (const form of longestFirst) clean = clean.replaceAll(form, '***')
    return clean.replace(CREDENTIALS_IN_URL, '$1:***@')
  }
}

type Parsed = { readonly scheme: Scheme; readonly name: string; readonly problem: string | null }

function parseReference(inner: string): Parsed {
  const colon = inner.indexOf(':')
  const scheme = colon < 0 ? inner : inner.slice(0, colon)
  const name = colon < 0 ? '' : inner.slice(colon + 1)
  if (!isScheme(scheme)) {
    return { scheme: 'env', name, problem: `unknown reference "\${${inner}}": expected \${env:NAME} or \${file:path}` }
  }
  return { scheme, name, problem: name === '' ? `reference "\${${inner}}" names nothing` : null }
}

function isScheme(text: string): text is Scheme {
  return SCHEMES.some((scheme) => scheme === text)
}

function readSecret(
  scheme: Scheme,
  name: string,
  { env, root }: SecretContext,
): { readonly text: string; readonly problem: null } | { readonly text: null; readonly problem: string } {
  if (scheme === 'env') {
    const text = env[name]
    if (text === undefined) return { text: null, problem: `environment variable "${name}" is not set` }
    return text === '' ? { text: null, problem: `environment variable "${name}" is empty` } : { text, problem: null }
  }
  try {
    const text = readFileSync(isAbsolute(name) ? name : resolve(root, name), 'utf8').replace(/\r?\n$/, '')
    return text === '' ? { text: null, problem: `secret file "${name}" is empty` } : { text, problem: null }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    return { text: null, problem: `secret file "${name}" cannot be read (${code})` }
  }
}

function mapStrings(
  value: unknown,
  path: readonly PropertyKey[],
  map: (text: string, path: readonly PropertyKey[]) => string,
): unknown {
  if (typeof value === 'string') return map(value, path)
  if (Array.isArray(value)) return value.map((item, index) => mapStrings(item, [...path, index], map))
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapStrings(item, [...path, key], map)]))
  }
  return value
}
