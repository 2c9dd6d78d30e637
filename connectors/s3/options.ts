/** The connection block of a bucket in config/connections.yaml. */
import { z } from 'zod'

/** Bucket naming rules: 3–63 characters of lower-case letters, digits, dots and hyphens (Amazon S3 User Guide, "General purpose bucket naming rules"). */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const PREFIX = /^[A-Za-z0-9._=%-]+(?:\/[A-Za-z0-9._=%-]+)*$/

export const s3Options = z
  .strictObject({
    bucket: z
      .string()
      .regex(BUCKET, 'expected a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens')
      // Amazon S3 User Guide, "Differences for directory buckets": listings are not in lexicographical order.
      .refine((name) => !name.endsWith('--x-s3'), 'expected a general purpose bucket; directory buckets list keys in no order'),
    /** Everything of ours lies under it; keys of the store do not show it. */
    prefix: z.string().regex(PREFIX, 'expected /-separated names without a slash at either end').optional(),
    /** Default: AWS_REGION or the profile; `us-east-1` with an endpoint. */
    region: z.string().min(1).optional(),
    /** URL of a store that is not Amazon's. */
    endpoint: z.string().optional(),
    /** Bucket in the path instead of the host name. Default: true with an endpoint. */
    path_style: z.boolean().optional(),
    /** Default: the AWS chain (environment, profile, container, instance, web identity). */
    access_key_id: z.string().min(1).optional(),
    secret_access_key: z.string().min(1).optional(),
    session_token: z.string().min(1).optional(),
    /** Section of ~/.aws/config and ~/.aws/credentials. */
    profile: z.string().min(1).optional(),
    /** The credentials above take this role; renewed before it expires. */
    assume_role: z
      .strictObject({
        role_arn: z.string().regex(/^arn:[a-z0-9-]+:iam::\d*:role\/.+$/, 'expected arn:aws:iam::<account>:role/<name>'),
        external_id: z.string().optional(),
        session_name: z
          .string()
          .regex(/^[\w+=,.@-]{2,64}$/)
          .default('portage'),
        duration_s: z.number().int().min(900).max(43_200).default(3600),
        /** URL of a token service that is not Amazon's. */
        endpoint: z.string().optional(),
      })
      .optional(),
    /** Server-side encryption. Default: the bucket's own. */
    encryption: z.union([z.literal('AES256'), z.strictObject({ kms_key_id: z.string().min(1) })]).optional(),
    /** `when_required` for stores that do not know CRC32 trailers and headers. */
    checksums: z.enum(['when_supported', 'when_required']).default('when_supported'),
    /** PEM text of the certificate authority. Default: those that Node trusts. */
    ca: z.string().optional(),
    connect_timeout_ms: z.number().int().positive().default(5_000),
    /** Longest wait for an answer, and for the next bytes of it; large bodies get more in proportion. */
    attempt_timeout_ms: z.number().int().positive().default(30_000),
    /** After it nothing is tried again. */
    deadline_ms: z.number().int().positive().default(90_000),
    max_attempts: z.number().int().positive().default(8),
  })
  .superRefine((options, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const { access_key_id: id, secret_access_key: secret } = options
    if (id !== undefined && secret === undefined) issue('secret_access_key', 'expected with access_key_id')
    if (id === undefined && secret !== undefined) issue('access_key_id', 'expected with secret_access_key')
    if (id === undefined && options.session_token !== undefined) issue('session_token', 'expected only with access_key_id')
    if (id !== undefined && options.profile !== undefined) issue('profile', 'expected either a profile or access_key_id')
    for (const [path, url] of [
      ['endpoint', options.endpoint],
      ['assume_role', options.assume_role?.endpoint],
    ] as const) {
      if (url !== undefined && !isEndpoint(url)) issue(path, 'expected an http:// or https:// URL without user, path or query')
    }
  })

export type S3Options = z.output<typeof s3Options>

/** Credentials in a URL would be shown in messages; a path would be signed wrongly. */
function isEndpoint(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  return url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}

/** How messages call the place. */
export function bucketName(options: Pick<S3Options, 'bucket' | 'prefix'>): string {
  return options.prefix === undefined ? `s3://${options.bucket}` : `s3://${options.bucket}/${options.prefix}`
}
