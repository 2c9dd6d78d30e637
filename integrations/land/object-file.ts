/** A file of a format over an object that is being written. I/O. */
import type { ObjectStore, ObjectWriter } from '../../connectors/ports.ts'

/** `make` may refuse the schema or the options: then nothing of the object stays open. */
export async function openObjectFile<Writer>(
  store: ObjectStore,
  key: string,
  make: (object: ObjectWriter) => Writer,
  signal?: AbortSignal,
): Promise<{ readonly object: ObjectWriter; readonly writer: Writer }> {
  const object = await store.openWriter(key, signal)
  try {
    return { object, writer: make(object) }
  } catch (error) {
    await object.abort()
    throw error
  }
}
