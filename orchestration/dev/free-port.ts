import { once } from 'node:events'
import { createServer } from 'node:net'
import { ConnectorError } from '../../connectors/errors.ts'

/** A port of 127.0.0.1 that nobody listens on now; it may be taken a moment later. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new ConnectorError('UNAVAILABLE', 'No free port on 127.0.0.1')
  return address.port
}
