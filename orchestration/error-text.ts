/** What a person reads when a command fails. Pure. */
import { ConfigurationError } from '../config/problems.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { UsageError } from './exit-codes.ts'

/** Codes whose reason is the other side's own message. */
const SAID_BY_TARGET = new Set(['STATEMENT', 'INTERNAL'])

/** Message first, then what caused it where that helps; `stack` adds where it was thrown. */
export function errorText(error: unknown, { stack }: { readonly stack: boolean }): string {
  if (!(error instanceof Error)) return `portage: ${String(error)}`
  const lines = [`portage: ${error.message || error.name}`]
  const known = error instanceof ConnectorError || error instanceof ConfigurationError || error instanceof UsageError
  const showCause = stack || !known || (error instanceof ConnectorError && SAID_BY_TARGET.has(error.code))
  if (showCause) lines.push(...causes(error).map((cause) => `  because: ${cause.message}`))
  if (error instanceof ConnectorError && error.recovery === 'developer') {
    lines.push('  This is a defect of Portage. Please report it with --verbose')
  }
  if (stack) lines.push(...[error, ...causes(error)].map((each) => frames(each)))
  return lines.filter((line) => line !== '').join('\n')
}

/** The chain of causes, also through the errors of an AggregateError (several addresses of one host). */
function causes(error: Error): readonly Error[] {
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner instanceof Error ? [inner, ...causes(inner)] : []
}

function frames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
