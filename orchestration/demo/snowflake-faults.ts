/** The faults of the Snowflake demo: one of each kind that the endpoint knows, at statements of a registration. Pure. */
import type { DevSnowflakeFault } from '../dev/snowflake.ts'

export type StoryFault = { readonly name: string; readonly fault: DevSnowflakeFault }

const STATEMENT = { request: 'query', sql: /^(?:create|alter)/i, nth: 2 } as const
const PROOF = { request: 'query', sql: /^\s*select[\s\S]*metadata\$filename/i } as const

export const faultsOfStory = (): readonly StoryFault[] => [
  { name: 'HTTP 503, three times', fault: { ...STATEMENT, times: 3, effect: { kind: 'status', when: 'before', status: 503 } } },
  { name: 'connection reset before the statement ran', fault: { ...STATEMENT, effect: { kind: 'reset', when: 'before' } } },
  {
    name: 'connection reset after it ran: the answer is lost',
    fault: { ...STATEMENT, effect: { kind: 'reset', when: 'after' } },
  },
  { name: 'silence', fault: { ...STATEMENT, effect: { kind: 'stall', when: 'before' } } },
  { name: 'silence after it ran', fault: { ...STATEMENT, effect: { kind: 'stall', when: 'after' } } },
  { name: 'session token expired', fault: { ...STATEMENT, effect: { kind: 'session-expired', when: 'before' } } },
  { name: 'session gone', fault: { ...STATEMENT, effect: { kind: 'session-gone', when: 'before' } } },
  { name: 'answer cut short', fault: { ...PROOF, effect: { kind: 'truncate', bytes: 100 } } },
  { name: 'one wrong bit in the answer', fault: { ...PROOF, effect: { kind: 'corrupt' } } },
  { name: 'slow answer', fault: { ...PROOF, effect: { kind: 'slow', bytesPerSecond: 4_000 } } },
  {
    name: 'a page of a proxy',
    fault: { ...PROOF, effect: { kind: 'content-type', contentType: 'text/html; charset=utf-8', body: '<html>Sign in</html>' } },
  },
  { name: 'answer without its rows', fault: { ...PROOF, effect: { kind: 'without', fields: ['rowset', 'rowtype'] } } },
]
