/** Which files an external table has: a value that is replaced, never changed, so that a transaction can hold its own. */
export type RegisteredFile = {
  /** The key, from the bucket's root. */
  readonly key: string
  readonly size: number
  readonly etag: string
  readonly lastModified: Date
  readonly registeredOn: Date
  /** Values of user-specified partition columns. */
  readonly partition: ReadonlyMap<string, string> | null
}

export type FileRegistry = ReadonlyMap<string, RegisteredFile>

export type FileChange =
  | { readonly kind: 'add'; readonly file: RegisteredFile }
  | { readonly kind: 'remove'; readonly key: string }

export const NO_FILES: FileRegistry = new Map()

export function changed(registry: FileRegistry, changes: readonly FileChange[]): FileRegistry {
  const files = new Map(registry)
  for (const change of changes) {
    if (change.kind === 'add') files.set(change.file.key, change.file)
    else files.delete(change.key)
  }
  return files
}
