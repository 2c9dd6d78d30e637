/** The body of a query-request: the statement, its bindings and its parameters. */
import type { Binding } from './engine.ts'
import { type ApiRequest, isObject, type JsonObject, optionalText } from './http-request.ts'
import { MAX_TIMEOUT_SECONDS } from './parameters.ts'
import { badRequest } from './reply.ts'
import type { StatementRequest } from './statements.ts'

/** Fields that change nothing here. */
const HARMLESS = [
  'sequenceId',
  'querySubmissionTime',
  'queryContextDTO',
  'disableOfflineChunks',
  'isInternal',
  'dataframeAst',
  'asyncExec',
  'sqlText',
  'bindings',
  'parameters',
  'describeOnly',
  'bindStage',
]

/** @throws Refusal for what is not emulated. */
export function readStatement({ body, query }: ApiRequest): StatementRequest {
  const requestId = query.get('requestId')
  if (requestId === null || !/^[0-9a-fA-F-]{36}$/.test(requestId)) throw badRequest('a statement without a "requestId"')
  const strange = Object.keys(body).find((name) => !HARMLESS.includes(name))
  if (strange !== undefined) throw badRequest(`field "${strange}" of a query-request`)
  if (body.describeOnly === true) throw badRequest('"describeOnly" is not emulated')
  if (body.bindStage !== undefined && body.bindStage !== null) throw badRequest('binding by a stage is not emulated')
  const sql = optionalText(body, 'sqlText')
  if (sql === null) throw badRequest('a query-request without "sqlText"')
  return {
    requestId,
    sql,
    bindings: bindingsOf(body.bindings),
    async: body.asyncExec === true,
    ...ownParameters(body.parameters),
  }
}

/** Parameters of this one statement. */
function ownParameters(value: unknown): Pick<StatementRequest, 'tag' | 'timeoutMs'> {
  if (value === undefined || value === null) return { tag: null, timeoutMs: null }
  if (!isObject(value)) throw badRequest('"parameters" is not an object')
  let tag: string | null = null
  let timeoutMs: number | null = null
  for (const [name, each] of Object.entries(value)) {
    if (name === 'QUERY_TAG' && typeof each === 'string') tag = each
    else if (name === 'STATEMENT_TIMEOUT_IN_SECONDS' && typeof each === 'number' && each > 0) {
      timeoutMs = Math.min(each, MAX_TIMEOUT_SECONDS) * 1000
    } else if (!(name === 'MULTI_STATEMENT_COUNT' && Number(each) === 1)) throw badRequest(`parameter "${name}" of one statement`)
  }
  return { tag, timeoutMs }
}

/** `{"1": {type, value}, …}` without a gap. */
function bindingsOf(value: unknown): readonly Binding[] {
  if (value === undefined || value === null) return []
  if (!isObject(value)) throw badRequest('"bindings" is not an object')
  const count = Object.keys(value).length
  return Array.from({ length: count }, (_, index) => bindingOf(value, String(index + 1)))
}

function bindingOf(bindings: JsonObject, name: string): Binding {
  const binding = bindings[name]
  if (!isObject(binding)) throw badRequest(`bindings are numbered from 1; "${name}" is missing`)
  const type = optionalText(binding, 'type')
  if (type === null) throw badRequest(`binding "${name}" has no type`)
  if (Array.isArray(binding.value)) throw badRequest('binding of arrays is not emulated')
  return { type: type.toUpperCase(), value: optionalText(binding, 'value') }
}
