/** The one way in which this folder says that a file is not what ORC says it should be. */
import { ConnectorError } from '../../../connectors/errors.ts'

/** `FORMAT`: `subject` (part of the file) was expected to be one thing and is another. Never holds a value of the data. */
export function damaged(subject: string, detail: string, options?: { readonly cause?: unknown }): ConnectorError {
  return new ConnectorError(
    'FORMAT',
    `ORC ${subject} is damaged: ${detail}. Fetch the file again or write it anew from its source`,
    options,
  )
}

/** `UNSUPPORTED`: the file is sound, and holds something that this reader refuses by name. */
export function refused(what: string, cure: string): ConnectorError {
  return new ConnectorError('UNSUPPORTED', `ORC file ${what}, which is not read here: ${cure}`)
}
