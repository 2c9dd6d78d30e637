/** Runs one command of Portage and prints, last on standard error, what it used. */
import { main } from '../../orchestration/cli.ts'

process.exitCode = await main(process.argv.slice(2))
const { user, system } = process.cpuUsage()
const { maxRSS } = process.resourceUsage()
process.stderr.write(`\n${JSON.stringify({ cpuSeconds: (user + system) / 1e6, peakMb: maxRSS / 1024 })}\n`)
