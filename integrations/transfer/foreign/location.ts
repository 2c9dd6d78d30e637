/** Locations of a catalogue — `s3a://bucket/key`, `file:/path` — as places that a store may cover. Pure. */
import { ConnectorError } from '../../../connectors/errors.ts'

export type Location =
  /** `key` without slashes at its ends; empty: the bucket itself. */
  { readonly kind: 'bucket'; readonly bucket: string; readonly key: string } | { readonly kind: 'path'; readonly path: string }

/** Throws `UNSUPPORTED` for file systems that nothing here reaches. */
export function parseLocation(text: string, subject: string): Location {
  const [, bucket, key = ''] = /^s3[an]?:\/\/([^/]+)\/?(.*)$/is.exec(text) ?? []
  if (/^s3[an]?:\/\/[^/]*:.*@/is.test(text) || bucket?.includes('@')) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `${subject} has a location that holds keys of its bucket (s3a://key:secret@bucket/…), which Hadoop itself reads no more. Set it anew without ` +
        'them (alter table … set location), and revoke the keys: the catalogue shows them to everybody',
    )
  }
  if (bucket !== undefined) return { kind: 'bucket', bucket, key: key.replace(/^\/+|\/+$/g, '') }
  const path = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/is.exec(text)?.[1] ?? (text.startsWith('/') ? text : undefined)
  if (path !== undefined) return { kind: 'path', path: path.length > 1 ? path.replace(/\/+$/, '') : path }
  const scheme = /^([\w+.-]+):/.exec(text)?.[1] ?? text
  throw new ConnectorError(
    'UNSUPPORTED',
    `${subject} lies in "${scheme}://…"; files are read from S3 (s3a://) and from directories (file:). Read its rows through the server with a ` +
      'query (portage transfer "<connection>:select … from …"), or copy its files into a bucket',
  )
}
