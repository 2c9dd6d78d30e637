/** A real HiveServer2 4.0.1 with its metastore in memory and Tez in its own process, over S3 through s3a. Needs a Java 17 runtime. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { derbyTemplate } from './hive-metastore.ts'
import { type JavaServer, type ServerS3, startJavaServer } from './java-server.ts'
import { mavenJars } from './maven.ts'

const run = promisify(execFile)
export const HIVE_POM = fileURLToPath(new URL('../../services/hive/pom.xml', import.meta.url))

export type HiveServerOptions = {
  /** Default: no object store, tables below the server's own directory. */
  readonly s3?: ServerS3
  /** `hive.server2.authentication`: NONE (default) is SASL PLAIN that takes every password; NOSASL; LDAP and others with `settings`. */
  readonly auth?: 'NONE' | 'NOSASL' | 'LDAP'
  /** Also takes messages as HTTP requests, at `httpPort`. Default: false. */
  readonly http?: boolean
  /** Transactional tables can be made. Default: false. */
  readonly acid?: boolean
  /** Over those below. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: UTC. */
  readonly timeZone?: string
}

export type HiveServer = JavaServer & { readonly httpPort: number | null }

const OPENED_PACKAGES = [
  'java.io',
  'java.lang',
  'java.lang.reflect',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'java.util.regex',
  'sun.nio.ch',
]

/** Throws Error with what is missing (java, mvn), or the end of the server's log. */
export async function startHiveServer(options: HiveServerOptions = {}): Promise<HiveServer> {
  await requireJava()
  const jars = await mavenJars(HIVE_POM)
  const metastore = options.acid === true ? await derbyTemplate(jars) : null
  let httpPort: number | null = null
  const server = await startJavaServer({
    name: 'HiveServer2',
    command: async ({ dir, port }) => {
      httpPort = options.http === true ? port + 1 : null
      for (const name of ['conf', 'tmp', 'warehouse', 'external']) await mkdir(join(dir, name))
      await writeFile(join(dir, 'conf', 'hive-site.xml'), siteXml(settingsOf(options, { dir, port, httpPort, metastore })))
      return {
        program: 'java',
        args: [
          '-Xmx1536m',
          '-XX:+UseSerialGC',
          '-XX:TieredStopAtLevel=1',
          // With one compiler it is 48 MB, and full after some minutes: methods are then compiled again and again.
          '-XX:ReservedCodeCacheSize=192m',
          '-Xshare:auto',
          `-Duser.timezone=${options.timeZone ?? 'UTC'}`,
          ...OPENED_PACKAGES.flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]),
          '-Djava.security.krb5.conf=/dev/null',
          `-Djava.io.tmpdir=${join(dir, 'tmp')}`,
          `-Dderby.stream.error.file=${join(dir, 'derby.log')}`,
          '-classpath',
          `${join(dir, 'conf')}:${jars}/*`,
          'org.apache.hive.service.server.HiveServer2',
        ],
        env: {
          AWS_ACCESS_KEY_ID: options.s3?.accessKeyId ?? 'none',
          AWS_SECRET_ACCESS_KEY: options.s3?.secretAccessKey ?? 'none',
          AWS_REGION: 'us-east-1',
        },
      }
    },
  })
  return { ...server, httpPort }
}

type Place = {
  readonly dir: string
  readonly port: number
  readonly httpPort: number | null
  readonly metastore: string | null
}

function settingsOf(options: HiveServerOptions, { dir, port, httpPort, metastore }: Place): Readonly<Record<string, string>> {
  return {
    'hive.server2.thrift.bind.host': '127.0.0.1',
    'hive.server2.thrift.port': String(port),
    'hive.server2.transport.mode': httpPort === null ? 'binary' : 'all',
    // Cookies would take a JAX-RS implementation.
    ...(httpPort === null
      ? {}
      : { 'hive.server2.thrift.http.port': String(httpPort), 'hive.server2.thrift.http.cookie.auth.enabled': 'false' }),
    'hive.server2.authentication': options.auth ?? 'NONE',
    'hive.server2.enable.doAs': 'false',
    'hive.server2.webui.port': '-1',
    'hive.server2.max.start.attempts': '1',
    'hive.execution.engine': 'tez',
    'tez.local.mode': 'true',
    'tez.local.mode.without.network': 'true',
    'tez.runtime.optimize.local.fetch': 'true',
    'tez.am.disable.client-version-check': 'true',
    'tez.am.webservice.enable': 'false',
    // MapReduce's default of 120 wins over Tez's 1200, and a query over some dozen vertices has more.
    'tez.counters.max': '10000',
    'mapreduce.job.counters.max': '10000',
    'mapreduce.framework.name': 'local',
    'hive.exec.submit.local.task.via.child': 'false',
    'hive.in.test.ide': 'true',
    'hive.fetch.task.conversion': 'more',
    'fs.defaultFS': 'file:///',
    'hive.metastore.warehouse.dir': join(dir, 'warehouse'),
    'hive.metastore.warehouse.external.dir': join(dir, 'external'),
    'hive.exec.scratchdir': join(dir, 'scratch'),
    'hive.exec.local.scratchdir': join(dir, 'local-scratch'),
    'hive.user.install.directory': join(dir, 'install'),
    'hadoop.tmp.dir': join(dir, 'hadoop'),
    'javax.jdo.option.ConnectionURL':
      metastore === null ? 'jdbc:derby:memory:metastore;create=true' : `jdbc:derby:memory:metastore;createFrom=${metastore}`,
    'javax.jdo.option.ConnectionDriverName': 'org.apache.derby.jdbc.EmbeddedDriver',
    'datanucleus.schema.autoCreateAll': String(metastore === null),
    'hive.metastore.schema.verification': 'false',
    'datanucleus.connectionPoolingType': 'None',
    'hive.metastore.event.db.notification.api.auth': 'false',
    'hive.support.concurrency': String(metastore !== null),
    'hive.txn.manager': `org.apache.hadoop.hive.ql.lockmgr.${metastore === null ? 'Dummy' : 'Db'}TxnManager`,
    'hive.stats.autogather': 'false',
    'hive.query.results.cache.enabled': 'false',
    'hive.server2.materializedviews.registry.impl': 'DUMMY',
    ...(options.s3 === undefined ? {} : objectStore(options.s3)),
    ...options.settings,
  }
}

function objectStore({ url }: ServerS3): Readonly<Record<string, string>> {
  return {
    'fs.s3.impl': 'org.apache.hadoop.fs.s3a.S3AFileSystem',
    'fs.s3a.endpoint': url,
    'fs.s3a.endpoint.region': 'us-east-1',
    'fs.s3a.path.style.access': 'true',
    'fs.s3a.connection.ssl.enabled': 'false',
    'fs.s3a.aws.credentials.provider': 'com.amazonaws.auth.EnvironmentVariableCredentialsProvider',
  }
}

function siteXml(settings: Readonly<Record<string, string>>): string {
  const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const properties = Object.entries(settings).map(
    ([name, value]) => `  <property><name>${escaped(name)}</name><value>${escaped(value)}</value></property>`,
  )
  return ['<?xml version="1.0"?>', '<configuration>', ...properties, '</configuration>', ''].join('\n')
}

async function requireJava(): Promise<void> {
  await run('java', ['-version']).catch((cause) => {
    throw new Error('HiveServer2 of the service tests needs a Java 17 runtime ("java"): install openjdk-17-jre-headless', {
      cause,
    })
  })
}
