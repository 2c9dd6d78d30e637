/** What a fake HiveServer2 says to a statement. */

export type FakeValue = string | number | bigint | boolean | Uint8Array | null

/** As HiveServer2 reports a failure. */
export type FakeFailure = { readonly message: string; readonly errorCode?: number; readonly sqlState?: string }

export type FakeAnswer = {
  /** `name type`, types as Hive writes them; none: a statement without a result. */
  readonly columns?: readonly string[]
  /** Values in the order of the columns; made as they are fetched when it is a function. */
  readonly rows?: readonly (readonly FakeValue[])[] | (() => Iterable<readonly FakeValue[]>)
  /** Questions for its state that are answered by "still running" first; `Infinity` runs until it is cancelled. Default: 0. */
  readonly running?: number
  /** Fails where it is said: at once, while the engine works, or at the first fetch. */
  readonly fails?: FakeFailure & { readonly at: 'execute' | 'run' | 'fetch' }
  /** Pages that are given before a failure at fetch. Default: 0. */
  readonly pagesBefore?: number
}

/** Answers by statement; undefined is an error to the client, naming the statement. */
export type Script = (sql: string) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>

/** A statement without a result. */
export const DONE: FakeAnswer = {}

export function rowsAnswer(columns: readonly string[], rows: readonly (readonly FakeValue[])[]): FakeAnswer {
  return { columns, rows }
}

export function failure(at: 'execute' | 'run' | 'fetch', failed: FakeFailure, columns: readonly string[] = []): FakeAnswer {
  return { columns, fails: { ...failed, at } }
}

/** The first entry whose text equals the statement, or whose pattern matches it, answers. */
export function scripted(
  ...entries: readonly (readonly [string | RegExp, FakeAnswer | ((sql: string) => FakeAnswer | undefined)])[]
): Script {
  return (sql) => {
    for (const [when, answer] of entries) {
      if (typeof when === 'string' ? when === sql : when.test(sql)) return typeof answer === 'function' ? answer(sql) : answer
    }
    return undefined
  }
}
