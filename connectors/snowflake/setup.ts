/** What a schema needs before the first registration. Pure. */
import { createHash } from 'node:crypto'
import { configuredName, identifier, text } from './names.ts'
import type { SnowflakeOptions, StageOptions } from './options.ts'
import { stageFingerprint, stageStatements } from './stage.ts'

type SetupOptions = Pick<SnowflakeOptions, 'grants'> & { readonly stage: StageOptions }

export function setupStatements(
  schema: string,
  integration: string,
  options: SetupOptions,
  show: { readonly secrets: boolean },
): readonly string[] {
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)} COMMENT = ${text('External tables and views of Portage')}`,
    ...stageStatements(schema, integration, options.stage, show),
    ...options.grants.map((role) => `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ROLE ${configuredName(role)}`),
  ]
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

/** Equal as long as none of the statements above would say anything else: the stage's part, then that of the roles. */
export function setupFingerprint(options: SetupOptions): string {
  return `${stageFingerprint(options.stage)}-${hash(options.grants.join('\n'))}`
}

/** Other roles may select than when the fingerprint was made. */
export function rolesChanged(fingerprint: string, options: SetupOptions): boolean {
  return fingerprint.split('-')[1] !== setupFingerprint(options).split('-')[1]
}
