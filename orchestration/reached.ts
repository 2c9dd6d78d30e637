/** Asking what may be away: a failure is a line of the report, not its end. */

/** The answer, or null with the failure noted under `what`. Throws only what the signal throws. */
export async function reached<Result>(
  problems: string[],
  what: string,
  signal: AbortSignal,
  ask: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await ask()
  } catch (error) {
    if (signal.aborted) throw error
    problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}
