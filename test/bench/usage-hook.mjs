/** Preloaded into the measured process: leaves its CPU time and peak memory in the file that PORTAGE_BENCH_USAGE names. */
import { writeFileSync } from 'node:fs'

const file = process.env.PORTAGE_BENCH_USAGE
if (file !== undefined) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
    writeFileSync(file, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakBytes: maxRSS * 1024 }))
  })
}
