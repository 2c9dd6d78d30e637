/** Makes every service of the service suite ready before its first test; one that is missing ends the run with its name. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { pythonEnvironment } from '../python.ts'
import { derbyTemplate } from './hive-metastore.ts'
import { HIVE_POM } from './hive-server.ts'
import { HIVE3_POM } from './hive3-pom.ts'
import { mavenJars } from './maven.ts'
import { S3A_POM } from './spark-thrift.ts'

const DEBIAN_POSTGRES = '/usr/lib/postgresql/15/bin'

/** Called by vitest before the first service test. */
export async function setup(): Promise<void> {
  const bin = process.env.PORTAGE_TEST_POSTGRES_BIN ?? DEBIAN_POSTGRES
  for (const program of ['initdb', 'postgres', 'psql', 'pg_recvlogical']) {
    await access(join(bin, program)).catch((cause) => {
      throw new Error(
        `PostgreSQL program "${program}" is not in "${bin}". Install postgresql-15 and postgresql-client-15, or name another directory with PORTAGE_TEST_POSTGRES_BIN`,
        { cause },
      )
    })
  }
  process.env.PORTAGE_TEST_POSTGRES_BIN = bin
  await pythonEnvironment()
  // Here and one after the other: Maven's own directory is not made for two at once.
  await mavenJars(S3A_POM)
  await mavenJars(HIVE3_POM)
  await derbyTemplate(await mavenJars(HIVE_POM))
}
