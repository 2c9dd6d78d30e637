/**
 * `npm run audit`: known advisories of what is installed, high and critical ones as failures. A registry that does not
 * answer audits is a warning, not a failure: it says nothing about the packages.
 */
import { execFile } from 'node:child_process'
import { ROOT } from './setup.mjs'

/** @returns {Promise<string>} what npm prints, whatever its exit code */
const report = () =>
  new Promise((resolve) => {
    execFile('npm', ['audit', '--json'], { cwd: ROOT, maxBuffer: 64 * 1024 ** 2 }, (_error, stdout) => resolve(stdout))
  })

const { metadata, vulnerabilities = {} } = JSON.parse((await report()) || '{}')
if (metadata === undefined) {
  process.stdout.write('WARNING: this registry answers no audits; known advisories were not looked up\n')
} else {
  const serious = Object.values(vulnerabilities).filter(({ severity }) => severity === 'high' || severity === 'critical')
  for (const { name, severity, range } of serious) process.stdout.write(`${severity} ${name} ${range}\n`)
  process.stdout.write(`${serious.length} high or critical advisories\n`)
  process.exitCode = serious.length === 0 ? 0 : 1
}
