/** An endpoint in a process of its own, to be killed: `serve.ts <directory> [port]`. Prints its address; SIGUSR2 prints peak memory. */
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { KEYS } from './signed-request.ts'

const [directory = '', port] = process.argv.slice(2)
const endpoint = await startS3Endpoint({
  ...KEYS,
  directory,
  buckets: ['lake'],
  ...(port === undefined ? {} : { port: Number(port) }),
})
process.on('SIGUSR2', () => console.log(process.resourceUsage().maxRSS))
console.log(endpoint.url)
