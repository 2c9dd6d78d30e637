/** What the endpoint holds, as entries and the state they add up to. Pure: `storage.ts` keeps the entries on disk. */
import type { Checksum, ChecksumAlgorithm, ChecksumType } from './checksums.ts'
import { SortedKeys } from './keys.ts'

/** A data file, by name below `data/`. */
export type StoredFile = { readonly file: string; readonly size: number }

/** What an uploader said about an object; comes back with it. */
export type Description = {
  /** Content-Type and its like, x-amz-meta-…: lower-case names, bytes as characters. */
  readonly headers: Readonly<Record<string, string>>
  readonly storageClass: string
  readonly encryption: Encryption
}

export type Encryption = {
  readonly algorithm: 'AES256' | 'aws:kms' | 'aws:kms:dsse'
  readonly keyId: string | null
  readonly bucketKey: boolean
}

export type StoredPart = {
  readonly file: StoredFile
  readonly etag: string
  /** Milliseconds since 1970, whole seconds: S3 tells no more. */
  readonly modified: number
  readonly checksum: Checksum
}

export type StoredObject = Description & {
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  readonly modified: number
  readonly files: readonly StoredFile[]
  /** Null for an object that was put whole. */
  readonly parts: readonly { readonly size: number; readonly checksum: Checksum | null }[] | null
  readonly checksum: Checksum
}

export type Upload = Description & {
  readonly id: string
  readonly key: string
  readonly started: number
  /** Null: nobody asked for one, and parts get the default. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | null
}

export type Entry =
  | { readonly op: 'create-bucket'; readonly bucket: string; readonly at: number }
  | { readonly op: 'delete-bucket'; readonly bucket: string }
  /** `upload`: the upload in parts that ends with this object. */
  | { readonly op: 'put'; readonly bucket: string; readonly key: string; readonly object: StoredObject; readonly upload?: string }
  | { readonly op: 'delete'; readonly bucket: string; readonly keys: readonly string[] }
  | { readonly op: 'create-upload'; readonly bucket: string; readonly upload: Upload }
  | {
      readonly op: 'put-part'
      readonly bucket: string
      readonly upload: string
      readonly number: number
      readonly part: StoredPart
    }
  | { readonly op: 'abort-upload'; readonly bucket: string; readonly upload: string }

export type OpenUpload = Upload & { readonly parts: ReadonlyMap<number, StoredPart> }
type MutableUpload = Upload & { readonly parts: Map<number, StoredPart> }

export type Bucket = {
  readonly name: string
  readonly created: number
  readonly objects: SortedKeys<StoredObject>
  readonly uploads: ReadonlyMap<string, OpenUpload>
}
type MutableBucket = Omit<Bucket, 'uploads'> & { readonly uploads: Map<string, MutableUpload> }

export class Catalogue {
  readonly #buckets = new Map<string, MutableBucket>()

  get buckets(): ReadonlyMap<string, Bucket> {
    return this.#buckets
  }

  /** Returns the data files that nothing names any more. An entry for what is not there changes nothing but frees its files. */
  apply(entry: Entry): readonly StoredFile[] {
    if (entry.op === 'create-bucket') {
      this.#buckets.set(entry.bucket, { name: entry.bucket, created: entry.at, objects: new SortedKeys(), uploads: new Map() })
      return []
    }
    const bucket = this.#buckets.get(entry.bucket)
    switch (entry.op) {
      case 'delete-bucket':
        this.#buckets.delete(entry.bucket)
        return []
      case 'put':
        return bucket === undefined ? entry.object.files : putObject(bucket, entry)
      case 'delete':
        return entry.keys.flatMap((key) => {
          const files = bucket?.objects.get(key)?.files ?? []
          bucket?.objects.delete(key)
          return files
        })
      case 'create-upload':
        bucket?.uploads.set(entry.upload.id, { ...entry.upload, parts: new Map() })
        return []
      case 'put-part': {
        const parts = bucket?.uploads.get(entry.upload)?.parts
        if (parts === undefined) return [entry.part.file]
        const before = parts.get(entry.number)
        parts.set(entry.number, entry.part)
        return before === undefined ? [] : [before.file]
      }
      case 'abort-upload': {
        const files = [...(bucket?.uploads.get(entry.upload)?.parts.values() ?? [])].map(({ file }) => file)
        bucket?.uploads.delete(entry.upload)
        return files
      }
      default:
        throw new Error(`${entry satisfies never}`)
    }
  }

  /** The shortest list of entries that gives this state. */
  *entries(): Generator<Entry> {
    for (const { name, created, objects, uploads } of this.#buckets.values()) {
      yield { op: 'create-bucket', bucket: name, at: created }
      for (const [key, object] of objects.walk('', false)) yield { op: 'put', bucket: name, key, object }
      for (const { parts, ...upload } of uploads.values()) {
        yield { op: 'create-upload', bucket: name, upload }
        for (const [number, part] of parts) yield { op: 'put-part', bucket: name, upload: upload.id, number, part }
      }
    }
  }

  /** Every data file that is named. */
  files(): ReadonlySet<string> {
    const files = new Set<string>()
    for (const { objects, uploads } of this.#buckets.values()) {
      for (const object of objects.values()) for (const { file } of object.files) files.add(file)
      for (const { parts } of uploads.values()) for (const { file } of parts.values()) files.add(file.file)
    }
    return files
  }
}

function putObject(bucket: MutableBucket, entry: Extract<Entry, { op: 'put' }>): readonly StoredFile[] {
  const kept = new Set(entry.object.files.map(({ file }) => file))
  const before = bucket.objects.get(entry.key)?.files ?? []
  bucket.objects.set(entry.key, entry.object)
  const parts = entry.upload === undefined ? [] : [...(bucket.uploads.get(entry.upload)?.parts.values() ?? [])]
  if (entry.upload !== undefined) bucket.uploads.delete(entry.upload)
  return [...before, ...parts.map(({ file }) => file)].filter(({ file }) => !kept.has(file))
}
