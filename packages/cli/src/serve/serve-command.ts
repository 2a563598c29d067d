import { loadConfig } from 'countersign-server'
import type { CommandRow } from '../command-row.js'
import { exitStatus } from '../exit-status.js'
import { onNpmEnded } from '../on-npm-ended.js'
import { usageError } from '../usage-error.js'
import { createLog, type Log } from './create-log.js'
import { firstSteps } from './first-steps.js'
import { readForStart } from './read-for-start.js'
import { startServer } from './start-server.js'

/** `countersign serve`: the auth server, until it is told to stop. */
export const serveCommand: CommandRow = {
  name: 'serve',
  description: 'run the auth server; a line of JSON for each request goes to standard output',
  flags: [{ flags: '--config <file>', description: 'the configuration, as .json, .mjs, .js or .ts' }],
  async run({ config: path }, terminal) {
    if (typeof path !== 'string') throw usageError('serve needs --config <file>.')
    const config = await loadConfig(path, process.env)
    const { masterKey, certificates } = await readForStart(config, process.env)
    for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
    const log = createLog(process.stdout)
    process.on('unhandledRejection', (error) => log.failure('unhandled_rejection', error))
    const { firstStart, stop } = await startServer(config, { masterKey, certificates, log })
    const { issuer, listen, admin } = config.settings
    if (firstStart) terminal.notify(firstSteps(config))
    if (config.settings.allowInsecureLoopback)
      terminal.notify('Warning: allowInsecureLoopback is set: this is for development on one machine only.')
    terminal.notify(`${issuer} is served at ${listen.host}, port ${listen.port}. Ctrl-C stops it.`)
    log.write('info', 'started', { issuer, host: listen.host, port: listen.port, adminPort: admin?.port })
    const signal = await firstSignal()
    await stopWithin(stop, signal, log)
    return exitStatus.done
  },
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    const stopLooking = onNpmEnded(() => resolve('npm ended'))
    // A second signal ends the process at once.
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(name, () => {
        stopLooking()
        resolve(name)
      })
    }
  })
}

async function stopWithin(stop: () => Promise<void>, signal: string, log: Log): Promise<void> {
  log.write('info', 'stopping', { signal })
  await stop()
  log.write('info', 'stopped')
}
