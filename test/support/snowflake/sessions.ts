/** Sessions and their tokens: a session token for an hour, a master token that renews it for four. */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { SqlSession } from './engine.ts'
import { Refusal } from './reply.ts'
import type { Statement } from './statements.ts'

export type Session = {
  readonly id: number
  readonly user: string
  readonly sql: SqlSession
  /** By `requestId`, for requests that are sent again. */
  readonly statements: Map<string, Statement>
  /** Ends when the statement that was sent last has ended. */
  turn: Promise<void>
}

export type TokenKind = 'session' | 'master'

type Token = { readonly session: Session; readonly kind: TokenKind; expiresAt: number }

export type Tokens = { readonly sessionToken: string; readonly masterToken: string }

export type SessionTimes = {
  /** Default: 3,600. */
  readonly sessionSeconds: number
  /** Default: 14,400. */
  readonly masterSeconds: number
}

export type Sessions = {
  readonly times: SessionTimes
  readonly open: (user: string, sql: SqlSession) => Session & Tokens
  /** @throws Refusal 390101, 390104, 390111, 390112 or 390114. */
  readonly authenticated: (headers: IncomingHttpHeaders, kind: TokenKind) => Session
  readonly renew: (session: Session) => Tokens
  /** The session's tokens of the kind are over from now on. */
  readonly expire: (session: Session, kind: TokenKind) => void
  /** Its tokens name a session that is gone. */
  readonly remove: (session: Session) => void
  readonly all: () => readonly Session[]
}

const FIRST_ID = 1_000_000_001

export function openSessions(times: SessionTimes, now: () => Date): Sessions {
  const tokens = new Map<string, Token>()
  const live = new Set<Session>()
  let nextId = FIRST_ID

  const issue = (session: Session): Tokens => {
    const give = (kind: TokenKind, seconds: number): string => {
      const text = `ver:3-hint:${session.id}-${randomBytes(48).toString('base64')}`
      tokens.set(text, { session, kind, expiresAt: now().getTime() + seconds * 1000 })
      return text
    }
    return { sessionToken: give('session', times.sessionSeconds), masterToken: give('master', times.masterSeconds) }
  }
  const expire = (session: Session, kind: TokenKind): void => {
    for (const token of tokens.values()) {
      if (token.session === session && token.kind === kind) token.expiresAt = Number.NEGATIVE_INFINITY
    }
  }
  return {
    times,
    open: (user, sql) => {
      const session: Session = { id: nextId, user, sql, statements: new Map(), turn: Promise.resolve() }
      nextId += 1
      live.add(session)
      return Object.assign(session, issue(session))
    },
    authenticated: (headers, kind) => {
      const [, text] = /^Snowflake Token="([^"]*)"$/.exec(headers.authorization ?? '') ?? []
      if (text === undefined) throw new Refusal('390101', 'Authorization header not found in the request data.')
      const token = tokens.get(text)
      if (token === undefined || token.kind !== kind) {
        throw new Refusal('390104', 'Session token not found or invalid data.')
      }
      if (!live.has(token.session)) {
        throw new Refusal('390111', 'Session no longer exists.  New login required to access the service.')
      }
      if (now().getTime() >= token.expiresAt) throw expired(kind)
      return token.session
    },
    renew: (session) => {
      expire(session, 'session')
      return issue(session)
    },
    expire,
    remove: (session) => {
      live.delete(session)
    },
    all: () => [...live],
  }
}

export function expired(kind: TokenKind): Refusal {
  return new Refusal(
    kind === 'session' ? '390112' : '390114',
    'Authentication token has expired.  The user must authenticate again.',
  )
}
