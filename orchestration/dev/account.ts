/** Which operating-system account a PostgreSQL server runs under: it refuses to run as root. */
import { readFile, stat } from 'node:fs/promises'
import { dirname, parse } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'

export type Account = { readonly name: string; readonly uid: number; readonly gid: number }

const PREFERRED = ['postgres', 'nobody']

/** The account to switch to, or null when this process may run the server itself. */
export async function serverAccount(): Promise<Account | null> {
  if (process.getuid === undefined || process.getuid() !== 0) return null
  const account = pickAccount(await readFile('/etc/passwd', 'utf8'))
  if (account === null) {
    throw new ConnectorError(
      'SOURCE_SETUP',
      'PostgreSQL does not run as root, and neither account "postgres" nor "nobody" exists here. Run this as an ordinary user',
    )
  }
  return account
}

/** First of the preferred accounts in the text of a passwd file; initdb insists on an entry there. */
export function pickAccount(passwd: string): Account | null {
  const entries = passwd.split('\n').map((line) => line.split(':'))
  for (const name of PREFERRED) {
    const entry = entries.find((fields) => fields[0] === name)
    const uid = Number(entry?.[2])
    const gid = Number(entry?.[3])
    if (Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)) return { name, uid, gid }
  }
  return null
}

/** Whether every folder above `path` lets `account` through and the path itself is readable to it. */
export async function reachableBy(account: Account, path: string): Promise<boolean> {
  const { root } = parse(path)
  let mask = 4
  for (let at = path; ; at = dirname(at), mask = 1) {
    const { mode, uid, gid } = await stat(at)
    const bits = uid === account.uid ? mode >> 6 : gid === account.gid ? mode >> 3 : mode
    if ((bits & mask) === 0) return false
    if (at === root) return true
  }
}
