/** What an administrator has to run, or to write down in the cloud. Printed, never run. Pure. */
import { configuredName, text } from './names.ts'
import type { StageOptions } from './options.ts'
import { stagePlace } from './stage.ts'

/** Stands where only the account's owner knows the value. */
const ROLE_ARN = 'arn:aws:iam::<aws account>:role/<role that may read the bucket>'

export function grantSql(privilege: string, on: string, name: string, role: string): string {
  return `GRANT ${privilege} ON ${on} ${configuredName(name)} TO ROLE ${configuredName(role)};`
}

/** Needs ACCOUNTADMIN, or a role with CREATE INTEGRATION. */
export function createIntegrationSql(integration: string, stage: Pick<StageOptions, 'url'>, role: string): string {
  const name = configuredName(integration)
  return [
    `CREATE STORAGE INTEGRATION ${name} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = ${provider(stage.url)} ENABLED = TRUE`,
    `  STORAGE_AWS_ROLE_ARN = ${text(ROLE_ARN)} STORAGE_ALLOWED_LOCATIONS = (${text(stage.url)});`,
    `GRANT USAGE ON INTEGRATION ${name} TO ROLE ${configuredName(role)};`,
    `DESC INTEGRATION ${name}; -- then "portage check" prints the trust policy of the AWS role`,
  ].join('\n')
}

const provider = (url: string): string =>
  url.startsWith('s3gov:') ? "'S3GOV'" : url.startsWith('s3china:') ? "'S3CHINA'" : "'S3'"

/** Properties of `DESC INTEGRATION` by name. */
export type IntegrationProperties = ReadonlyMap<string, string>

/** Who may take the AWS role, and what the role may do; null when Snowflake does not tell. */
export function awsPolicies(properties: IntegrationProperties, stage: Pick<StageOptions, 'url'>): string | null {
  const user = properties.get('STORAGE_AWS_IAM_USER_ARN')
  const externalId = properties.get('STORAGE_AWS_EXTERNAL_ID')
  if (user === undefined || externalId === undefined) return null
  const { bucket, path } = stagePlace(stage)
  const role = properties.get('STORAGE_AWS_ROLE_ARN') ?? ROLE_ARN
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: user },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      },
    ],
  }
  const partition = role.split(':')[1] ?? 'aws'
  const rights = {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:GetObject', 's3:GetObjectVersion'], Resource: `arn:${partition}:s3:::${bucket}/${path}*` },
      { Effect: 'Allow', Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: `arn:${partition}:s3:::${bucket}` },
    ],
  }
  return [`Trust policy of ${role}:`, JSON.stringify(trust, null, 2), 'Its permissions:', JSON.stringify(rights, null, 2)].join(
    '\n',
  )
}

/** Locations that an integration allows, when they leave the stage's URL out; null when they cover it. */
export function uncoveredLocation(properties: IntegrationProperties, stage: Pick<StageOptions, 'url'>): string | null {
  const allowed = properties.get('STORAGE_ALLOWED_LOCATIONS')
  if (allowed === undefined) return null
  const url = stage.url.endsWith('/') ? stage.url : `${stage.url}/`
  const covered = allowed.split(',').some((each) => {
    const location = each.trim()
    return location === '*' || url.startsWith(location.endsWith('/') ? location : `${location}/`)
  })
  return covered ? null : allowed
}
