/** Faults of unloads, for tests: the files written so far stay in the stage. */
export type UnloadFault = {
  /** Fails when so many files have been written. */
  readonly afterFiles: number
  /** How often. */
  times: number
}
