/** What a command would read and open from the demo's configuration. */
import { loadConfiguration } from '../../config/load.ts'
import { createEnvironment } from '../environment.ts'
import type { Io } from '../io.ts'
import { createOpener } from '../open.ts'
import { createRedaction } from '../redaction.ts'
import type { DemoPlaces } from './demo-config.ts'

export function openDemoConfig(places: DemoPlaces, io: Io) {
  const configuration = loadConfiguration(places.config)
  const redaction = createRedaction()
  const environment = createEnvironment({
    stateDir: places.state,
    level: 'warn',
    redact: redaction.redact,
    write: (line) => void io.stderr.write(line),
  })
  const { connections } = configuration
  const opener = createOpener({ root: places.config, connections, env: io.env, redaction, environment })
  return { configuration, environment, opener }
}
