/** A real Spark Thrift server with its metastore in a directory of its own, over S3 through s3a: Spark and Java of the package index. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pythonEnvironment } from '../python.ts'
import { type JavaServer, type ServerS3, startJavaServer } from './java-server.ts'
import { mavenJars } from './maven.ts'
import { javaRuntime, SPARK_REQUIREMENTS } from './spark.ts'

const run = promisify(execFile)
export const S3A_POM = fileURLToPath(new URL('../../services/s3/pom.xml', import.meta.url))

export type SparkThriftOptions = {
  /** Default: no object store, tables below the server's own directory. */
  readonly s3?: ServerS3
  /** `hive.server2.authentication`: NONE (default) is SASL PLAIN that takes every password. */
  readonly auth?: 'NONE' | 'NOSASL'
  /** Messages as HTTP requests instead. Default: false. */
  readonly http?: boolean
  /** Spark settings, over those below. */
  readonly settings?: Readonly<Record<string, string>>
  /** Time zone of the JVM. Default: UTC. */
  readonly timeZone?: string
}

/** Throws Error with what is missing (python3, mvn), or the end of the server's log. */
export async function startSparkThrift(options: SparkThriftOptions = {}): Promise<JavaServer> {
  const python = await pythonEnvironment(SPARK_REQUIREMENTS)
  const javaHome = await javaRuntime(python)
  const { stdout } = await run(python, ['-c', 'import os, pyspark; print(os.path.dirname(pyspark.__file__))'])
  const sparkHome = stdout.trim()
  const jars = options.s3 === undefined ? null : await mavenJars(S3A_POM)
  return await startJavaServer({
    name: 'The Spark Thrift server',
    command: async ({ dir, port }) => {
      for (const name of ['conf', 'tmp', 'warehouse']) await mkdir(join(dir, name))
      await writeFile(join(dir, 'conf', 'spark-defaults.conf'), defaults(options, dir))
      await writeFile(join(dir, 'conf', 'log4j2.properties'), LOGGING)
      return {
        // Not bin/spark-submit: it is the parent of the JVM, which would outlive it.
        program: join(javaHome, 'bin', 'java'),
        args: [
          '-Xmx1536m',
          '-XX:+UseSerialGC',
          '-XX:+IgnoreUnrecognizedVMOptions',
          ...OPENED_PACKAGES.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
          '-Djdk.reflect.useDirectMethodHandle=false',
          `-Duser.timezone=${options.timeZone ?? 'UTC'}`,
          `-Djava.io.tmpdir=${join(dir, 'tmp')}`,
          `-Dderby.system.home=${dir}`,
          `-Dderby.stream.error.file=${join(dir, 'derby.log')}`,
          '-classpath',
          [join(dir, 'conf'), join(sparkHome, 'jars', '*'), ...(jars === null ? [] : [join(jars, '*')])].join(':'),
          'org.apache.spark.deploy.SparkSubmit',
          '--properties-file',
          join(dir, 'conf', 'spark-defaults.conf'),
          '--class',
          'org.apache.spark.sql.hive.thriftserver.HiveThriftServer2',
          'spark-internal',
          ...hiveSettings(options, dir, port).flatMap((setting) => ['--hiveconf', setting]),
        ],
        env: {
          JAVA_HOME: javaHome,
          SPARK_HOME: sparkHome,
          SPARK_CONF_DIR: join(dir, 'conf'),
          SPARK_LOCAL_IP: '127.0.0.1',
          SPARK_LOCAL_DIRS: join(dir, 'tmp'),
          TZ: 'UTC',
        },
      }
    },
  })
}

/** `JavaModuleOptions` of Spark's launcher. */
const OPENED_PACKAGES = [
  'java.lang',
  'java.lang.invoke',
  'java.lang.reflect',
  'java.io',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'sun.nio.ch',
  'sun.nio.cs',
  'sun.security.action',
  'sun.util.calendar',
]

const LOGGING = `rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n%ex
`

function hiveSettings({ auth, http }: SparkThriftOptions, dir: string, port: number): readonly string[] {
  return [
    `hive.server2.thrift.port=${port}`,
    'hive.server2.thrift.bind.host=127.0.0.1',
    `hive.server2.authentication=${auth ?? 'NONE'}`,
    ...(http === true ? ['hive.server2.transport.mode=http', `hive.server2.thrift.http.port=${port}`] : []),
    `hive.exec.scratchdir=${join(dir, 'tmp', 'scratch')}`,
    `hive.exec.local.scratchdir=${join(dir, 'tmp', 'local-scratch')}`,
    'hive.server2.logging.operation.enabled=false',
  ]
}

function defaults({ s3, settings }: SparkThriftOptions, dir: string): string {
  const all: Readonly<Record<string, string>> = {
    'spark.master': 'local[2]',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.ui.enabled': 'false',
    'spark.ui.showConsoleProgress': 'false',
    'spark.sql.catalogImplementation': 'hive',
    'spark.sql.session.timeZone': 'UTC',
    'spark.sql.shuffle.partitions': '2',
    'spark.sql.sources.partitionOverwriteMode': 'DYNAMIC',
    'spark.sql.warehouse.dir': join(dir, 'warehouse'),
    'spark.hadoop.javax.jdo.option.ConnectionURL': 'jdbc:derby:memory:metastore;create=true',
    'spark.hadoop.datanucleus.schema.autoCreateAll': 'true',
    'spark.hadoop.hive.metastore.schema.verification': 'false',
    // Of a pool each session that dies within a statement keeps a connection for ever.
    'spark.hadoop.datanucleus.connectionPoolingType': 'None',
    'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
    ...(s3 === undefined ? {} : objectStore(s3, dir)),
    ...settings,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('')
}

function objectStore({ url, accessKeyId, secretAccessKey }: ServerS3, dir: string): Readonly<Record<string, string>> {
  return {
    'spark.hadoop.fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    'spark.hadoop.fs.s3a.endpoint': url,
    'spark.hadoop.fs.s3a.endpoint.region': 'us-east-1',
    'spark.hadoop.fs.s3a.path.style.access': 'true',
    'spark.hadoop.fs.s3a.connection.ssl.enabled': 'false',
    'spark.hadoop.fs.s3a.aws.credentials.provider': 'org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider',
    'spark.hadoop.fs.s3a.access.key': accessKeyId,
    'spark.hadoop.fs.s3a.secret.key': secretAccessKey,
    'spark.hadoop.fs.s3a.buffer.dir': join(dir, 'tmp'),
  }
}
