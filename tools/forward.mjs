/** Starts a program in our place: same terminal, same signals, same exit code. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** @type {readonly NodeJS.Signals[]} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']

/**
 * Exit code to end with, after the program has ended; a program ended by a signal gives 128 + its number.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>}
 */
export async function forward(command, args, env) {
  const child = spawn(command, [...args], { stdio: 'inherit', env })
  const listeners = FORWARDED.map((signal) => {
    const listener = () => {
      // A terminal sends Ctrl-C and Ctrl-\ to the program as well: twice would mean "now, at once".
      const byTerminal = (signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY
      if (!byTerminal) child.kill(signal)
    }
    process.on(signal, listener)
    return /** @type {const} */ ([signal, listener])
  })
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']))
    })
  } finally {
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
}
