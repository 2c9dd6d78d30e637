/** Connector `s3`: a lake in a bucket of Amazon S3, or of a store that speaks its protocol with conditional writes. */
import type { Connector } from '../ports.ts'
import { type S3Options, s3Options } from './options.ts'

export const s3: Connector<S3Options> = {
  name: 's3',
  options: s3Options,
  openStore: async (given, environment) => {
    // The AWS SDK takes a quarter of a second to load.
    const { openS3Store } = await import('./store.ts')
    return openS3Store(given, environment)
  },
}
