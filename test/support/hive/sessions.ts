/** Sessions and operations of a fake HiveServer2: what each call of TCLIService answers. */
import { randomBytes } from 'node:crypto'
import type { FakeAnswer, FakeFailure, FakeValue, Script } from './answers.ts'
import { rowSetOf, schemaOf } from './row-set.ts'
import type { Handler } from './thrift.ts'

const SUCCESS = { statusCode: 0 }
/** `TOperationState`. */
const RUNNING = 1
const FINISHED = 2
const CANCELED = 3
const ERROR = 5

type Handle = { readonly guid: Buffer; readonly secret: Buffer }
type SessionHandle = { readonly sessionId: Handle }
type OperationHandle = { readonly operationId: Handle; readonly operationType: number; readonly hasResultSet: boolean }

type Operation = {
  readonly sql: string
  readonly answer: FakeAnswer
  readonly columnar: boolean
  rows: Iterator<readonly FakeValue[]> | null
  running: number
  canceled: boolean
  pages: number
}

/** What was asked, oldest first, and what is still open. */
export type FakeState = {
  readonly statements: string[]
  /** Statements that were cancelled. */
  readonly canceled: string[]
  /** Names of calls. */
  readonly calls: string[]
  readonly sessions: Map<
    string,
    { readonly protocol: number; readonly user: string; readonly settings: Readonly<Record<string, string>> }
  >
  readonly operations: Map<string, Operation>
  /** Of every session that was opened. */
  readonly opened: { readonly user: string; readonly settings: Readonly<Record<string, string>> }[]
}

export function newState(): FakeState {
  return { statements: [], canceled: [], calls: [], sessions: new Map(), operations: new Map(), opened: [] }
}

const idOf = ({ guid }: Handle): string => guid.toString('hex')
const newHandle = (): Handle => ({ guid: randomBytes(16), secret: randomBytes(16) })

function refused({ message, errorCode, sqlState }: FakeFailure): object {
  return {
    statusCode: 3,
    infoMessages: [`*org.apache.hive.service.cli.HiveSQLException:${message}:1:0`],
    errorMessage: message,
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(sqlState === undefined ? {} : { sqlState }),
  }
}

export type Opening = {
  readonly client_protocol: number
  readonly username: string | null
  readonly configuration: Record<string, string> | null
}

/** The service of one connection; `highest` is the protocol version that the server knows. */
export function handlerOf(state: FakeState, script: Script, highest: number): Handler {
  const operationOf = ({ operationHandle }: { readonly operationHandle: OperationHandle }): Operation | undefined =>
    state.operations.get(idOf(operationHandle.operationId))
  const forgotten = (kind: 'Session' | 'Operation') => ({
    status: refused({ message: `Invalid ${kind}Handle: handle [0-0-0-0]` }),
  })

  return {
    OpenSession: async ({ client_protocol, username, configuration }: Opening) => {
      const sessionId = newHandle()
      const protocol = Math.min(client_protocol + 1, highest)
      const session = { protocol, user: username ?? '', settings: { ...configuration } }
      state.sessions.set(idOf(sessionId), session)
      state.opened.push(session)
      return { status: SUCCESS, serverProtocolVersion: protocol - 1, sessionHandle: { sessionId }, configuration: {} }
    },
    CloseSession: async ({ sessionHandle }: { readonly sessionHandle: SessionHandle }) => {
      state.sessions.delete(idOf(sessionHandle.sessionId))
      return { status: SUCCESS }
    },
    ExecuteStatement: async ({
      sessionHandle,
      statement,
    }: {
      readonly sessionHandle: SessionHandle
      readonly statement: string
    }) => {
      const session = state.sessions.get(idOf(sessionHandle.sessionId))
      if (session === undefined) return forgotten('Session')
      state.statements.push(statement)
      const answer = await script(statement)
      if (answer === undefined)
        return { status: refused({ message: `the script has no answer to: ${statement}`, errorCode: 40000 }) }
      if (answer.fails?.at === 'execute') return { status: refused(answer.fails) }
      const operationId = newHandle()
      const columnar = session.protocol >= 6
      const operation: Operation = {
        sql: statement,
        answer,
        columnar,
        rows: null,
        running: answer.running ?? 0,
        canceled: false,
        pages: 0,
      }
      state.operations.set(idOf(operationId), operation)
      return { status: SUCCESS, operationHandle: { operationId, operationType: 0, hasResultSet: answer.columns !== undefined } }
    },
    GetOperationStatus: async (request: { readonly operationHandle: OperationHandle }) => {
      const operation = operationOf(request)
      if (operation === undefined) return forgotten('Operation')
      const { answer } = operation
      if (operation.canceled) return { status: SUCCESS, operationState: CANCELED }
      if (operation.running > 0) {
        operation.running--
        return { status: SUCCESS, operationState: RUNNING }
      }
      if (answer.fails?.at === 'run') {
        const { message, errorCode, sqlState } = answer.fails
        return {
          status: SUCCESS,
          operationState: ERROR,
          errorMessage: message,
          ...(errorCode === undefined ? {} : { errorCode }),
          ...(sqlState === undefined ? {} : { sqlState }),
        }
      }
      return { status: SUCCESS, operationState: FINISHED, hasResultSet: answer.columns !== undefined }
    },
    GetResultSetMetadata: async (request: { readonly operationHandle: OperationHandle }) => {
      const operation = operationOf(request)
      if (operation === undefined) return forgotten('Operation')
      return { status: SUCCESS, schema: schemaOf(operation.answer.columns ?? []) }
    },
    FetchResults: async (request: { readonly operationHandle: OperationHandle; readonly maxRows: unknown }) => {
      const operation = operationOf(request)
      if (operation === undefined) return forgotten('Operation')
      const { answer } = operation
      if (answer.fails?.at === 'fetch' && operation.pages >= (answer.pagesBefore ?? 0)) return { status: refused(answer.fails) }
      operation.pages++
      operation.rows ??= rowsOf(answer)
      const rows = take(operation.rows, Number(request.maxRows))
      // As the real one: whatever is still to come.
      return { status: SUCCESS, hasMoreRows: false, results: rowSetOf(answer.columns ?? [], rows, operation.columnar) }
    },
    CancelOperation: async (request: { readonly operationHandle: OperationHandle }) => {
      const operation = operationOf(request)
      if (operation === undefined) return forgotten('Operation')
      operation.canceled = true
      state.canceled.push(operation.sql)
      return { status: SUCCESS }
    },
    CloseOperation: async ({ operationHandle }: { readonly operationHandle: OperationHandle }) => {
      state.operations.delete(idOf(operationHandle.operationId))
      return { status: SUCCESS }
    },
  }
}

function rowsOf({ rows = [] }: FakeAnswer): Iterator<readonly FakeValue[]> {
  return (typeof rows === 'function' ? rows() : rows)[Symbol.iterator]()
}

function take(rows: Iterator<readonly FakeValue[]>, count: number): readonly (readonly FakeValue[])[] {
  const taken: (readonly FakeValue[])[] = []
  while (taken.length < count) {
    const { done, value } = rows.next()
    if (done === true) break
    taken.push(value)
  }
  return taken
}
