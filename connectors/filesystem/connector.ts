/** Connector `filesystem`: a lake in a local (or mounted) directory. */
import { z } from 'zod'
import type { Connector } from '../ports.ts'
import { openFilesystemStore } from './store.ts'

const options = z.strictObject({
  /** Directory of the lake; relative paths start at the working directory. */
  path: z.string().min(1),
})

export type FilesystemOptions = z.infer<typeof options>

export const filesystem: Connector<FilesystemOptions> = {
  name: 'filesystem',
  options,
  openStore: (given, environment) => openFilesystemStore(given.path, environment),
}
