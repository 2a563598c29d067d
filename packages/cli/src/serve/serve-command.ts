import cluster from 'node:cluster'
import { documentUrl, isLoopbackIdentifier } from 'countersign/discovery'
import { january } from 'countersign/editions'
import type { Log } from 'countersign/observability'
import { isPostgresUrl, type LoadedConfig, loadConfig, shownDatabase } from 'countersign-server'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { withLog } from '../network/with-log.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { leaveWorkers, ownAdminPort, parseWorkers, runWorkers, tellListening } from '../workers/run-workers.js'
import { isIssuerPort, readForStart, type StartFiles, startServer } from './start-server.js'

/** `countersign serve`: the auth server, until it is told to stop. */
export const serveCommand: Run = async ({ config: path, workers }, terminal) => {
  if (typeof path !== 'string') throw usageError(needsConfig)
  const config = await loadConfig(path, terminal.env)
  const count = parseWorkers(workers)
  if (count > 1) {
    if (!isPostgresUrl(config.settings.database)) throw new CommandError(needsPostgres)
    if (cluster.isPrimary) return withLog(terminal, (log) => runWorkers(count, terminal, { log }))
  }
  const files = await readForStart(config, terminal.env)
  for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
  return withLog(terminal, (log) => serve(config, { ...files, log }, terminal)).finally(leaveWorkers)
}

async function serve(config: LoadedConfig, given: StartFiles & { log: Log }, terminal: Terminal): Promise<number> {
  const { log } = given
  const { firstStart, stop } = await startServer(config, { ...given, env: terminal.env })
  const { issuer, listen, admin } = config.settings
  if (firstStart) terminal.notify(firstSteps(config))
  if (config.settings.allowInsecureLoopback)
    terminal.notify('Warning: allowInsecureLoopback is set: this is for development on one machine only.')
  if (isLoopbackIdentifier(issuer) && !isIssuerPort(config.settings))
    terminal.notify(
      `Warning: listen.port is ${listen.port}, and issuer is ${issuer}. Signing in fails with 403 unless people open ${issuer}.`,
    )
  terminal.notify(`${issuer} is served at ${listen.host}, port ${listen.port}. Ctrl-C stops it.`)
  tellListening()
  log.write('info', 'started', {
    issuer,
    host: listen.host,
    port: listen.port,
    adminPort: admin && ownAdminPort(admin.port),
  })
  const signal = await firstStop(terminal)
  log.write('info', 'stopping', { signal })
  await stop()
  log.write('info', 'stopped')
  return exitStatus.done
}

const needsPostgres =
  '--workers needs PostgreSQL, which many processes write to at once; SQLite takes one writer at a time. Name a PostgreSQL database in the configuration, or leave --workers out.'

const needsConfig = `serve needs --config <file>. The smallest file, after countersign keys generate-master --out master.key:
{ "issuer": "https://auth.example", "database": "auth.db", "masterKeyFile": "master.key", "listen": { "port": 8080 } }
docs/operators.md has all that can be in it.`

function firstStop({ onStop }: Terminal): Promise<string> {
  return new Promise((resolve) => {
    const stopListening = onStop(({ by }) => {
      // Ctrl-C reaches each of several processes, and the first one tells the others to end too: that is no second signal.
      if (cluster.isPrimary) stopListening()
      resolve(by)
    })
  })
}

/** What an operator does after the first start. */
export function firstSteps({ file, settings }: LoadedConfig): string {
  const { issuer, listen, database, keyRotation } = settings
  const inner = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  const steps = [
    `add a person:      countersign users add <username> --config ${file}`,
    ...(issuer === inner ? [] : [`put TLS in front:  forward ${issuer} to ${inner}`]),
    `check:             ${documentUrl(january.documents.authServer, issuer)} shows "issuer":"${issuer}"`,
    'keep apart:        the master key, and backups of the database; a backup needs the key to be of use',
    ...(keyRotation.rotateAfter > 0
      ? []
      : [`before long:       countersign keys rotate --config ${file}, every 90 days`]),
  ]
  return [
    `This was a first start: ${shownDatabase(database)} was empty, and has keys now. What to do next:`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n')
}
