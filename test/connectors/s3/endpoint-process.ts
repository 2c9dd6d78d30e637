/** Our S3 endpoint as a process of its own: `node endpoint-process.ts <directory>`; prints its URL and ends with its standard input. */
import { startS3Endpoint } from '../../support/s3/endpoint.ts'

const [, , directory = ''] = process.argv
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const endpoint = await startS3Endpoint({ ...keys, directory })
process.stdout.write(`${endpoint.url}\n`)
process.stdin.resume().once('end', () => void endpoint.close())
