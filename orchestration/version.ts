/** The package's own version. */
import { existsSync, readFileSync } from 'node:fs'

/** From package.json: beside the sources in a clone, one folder further up when compiled. */
export const VERSION = readVersion()

function readVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    const file = new URL(place, import.meta.url)
    if (!existsSync(file)) continue
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }
    return version
  }
  return 'unknown'
}
