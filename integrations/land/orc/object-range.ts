/** Ranged reads of an object in a store, as the reader wants them. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import type { ReadRange } from './file-tail.ts'

/** Each range is one `get`. Throws `NOT_FOUND` when the object is gone. */
export function objectRange(store: ObjectStore, key: string, signal?: AbortSignal): ReadRange {
  return async (start, end) => {
    const bytes = await store.get(key, { range: { start, end }, ...(signal === undefined ? {} : { signal }) })
    if (bytes === null)
      throw new ConnectorError('NOT_FOUND', `Object "${key}" is not in the store: it was there when it was listed`)
    return bytes
  }
}
