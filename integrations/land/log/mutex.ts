/** Runs asynchronous actions of one process one after the other, in the order of the calls; a failed one does not stop the next. */
export function openMutex(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (action) => {
    const result = last.then(action, action)
    last = result.catch(() => undefined)
    return result
  }
}
