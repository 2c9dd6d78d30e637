/** The driver over TLS, in a process of its own: whom to trust is read when Node starts. Arguments: address of the endpoint. */
import { connect, run } from './driver.ts'

const [url = ''] = process.argv.slice(2)
await using session = await connect({ url, account: 'local' })
const { rows } = await run(session, 'one')
process.stdout.write(JSON.stringify(rows))
