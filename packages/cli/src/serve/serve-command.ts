import cluster from 'node:cluster'
import { documentUrl, isLoopbackIdentifier } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { isPostgresUrl, type LoadedConfig, shownDatabase } from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { withLog } from '../network/with-log.js'
import type { ServerLog } from '../terminal/server-log.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { leaveWorkers, notifyListening, parseWorkers, runWorkers, workerAdminPort } from '../workers/run-workers.js'
import { isIssuerPort, readForStart, type StartFiles, startServer } from './start-server.js'

/** `countersign server start`: runs the auth server until it is stopped. */
export const serveCommand: Run = async ({ config: path, workers }, terminal) => {
  if (typeof path !== 'string') throw usageError(needsConfig)
  const { config, files } = await readForStart(path, terminal.env)
  const count = parseWorkers(workers)
  if (count > 1) {
    if (!isPostgresUrl(config.settings.database)) throw new CommandError(needsPostgres)
    if (cluster.isPrimary) return withLog(terminal, (log) => runWorkers(count, terminal, { log }))
  }
  for (const warning of config.warnings) terminal.notify(`Warning: ${warning}`)
  return withLog(terminal, (log) => serve(config, { ...files, log }, terminal)).finally(leaveWorkers)
}

async function serve(
  config: LoadedConfig,
  given: StartFiles & { log: ServerLog },
  terminal: Terminal,
): Promise<number> {
  const { log } = given
  const { firstStart, stop } = await startServer(config, { ...given, env: terminal.env })
  // Whoever reads that the server has started may stop it.
  const stopping = firstStop(terminal)
  const { issuer, listen, admin } = config.settings
  if (firstStart) terminal.notify(firstSteps(config))
  if (config.settings.oauth)
    terminal.notify(
      'OAuth clients are let in. Their access tokens work for anyone who copies them: see “Let MCP clients in with OAuth” in the documentation.',
    )
  if (config.settings.allowInsecureLoopback)
    terminal.notify('Warning: allowInsecureLoopback is set. It is only for development on one machine.')
  if (isLoopbackIdentifier(issuer) && !isIssuerPort(config.settings))
    terminal.notify(
      `Warning: listen.port is ${listen.port}, but issuer is ${issuer}. Sign-in fails with 403 unless users open ${issuer}.`,
    )
  terminal.notify(`Serving ${issuer} at ${listen.host}, port ${listen.port}. Press Ctrl-C to stop.`)
  notifyListening()
  log.write('info', 'started', {
    issuer,
    host: listen.host,
    port: listen.port,
    adminPort: admin && workerAdminPort(admin.port),
  })
  const signal = await stopping
  log.write('info', 'stopping', { signal })
  await stop()
  log.write('info', 'stopped')
  return exitStatus.done
}

const needsPostgres =
  '--workers requires PostgreSQL, which supports concurrent writers; SQLite allows only one. Use a PostgreSQL database in the configuration, or omit --workers.'

const needsConfig = `server start requires --config <file>. The smallest possible file, after countersign server keys generate-master --output master.key:
{ "issuer": "https://auth.example", "database": "auth.db", "masterKeyFile": "master.key", "listen": { "port": 8080 } }
For all settings, see “Server configuration” in the documentation.`

function firstStop({ onStop }: Terminal): Promise<string> {
  return new Promise((resolve) => {
    const stopListening = onStop(({ by }) => {
      // Ctrl-C reaches each process directly, and the primary process also stops its workers, so a worker must not treat the latter as a
      // second signal.
      if (cluster.isPrimary) stopListening()
      resolve(by)
    })
  })
}

/** Next steps for the operator after the first start. */
export function firstSteps({ file, settings }: LoadedConfig): string {
  const { issuer, listen, database, keyRotation } = settings
  const inner = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  const steps = [
    `add a user:        countersign server users add <username> --config ${file}`,
    ...(issuer === inner ? [] : [`set up TLS:        forward ${issuer} to ${inner}`]),
    `check:             ${documentUrl(january.documents.authServer, issuer)} shows "issuer":"${issuer}"`,
    'back up:           the master key, separately from the database; a database backup is useless without the key',
    ...(keyRotation.rotateAfter > 0
      ? []
      : [`rotate keys:       countersign server keys rotate --config ${file}, every 90 days`]),
  ]
  return [
    `This was the first start: ${shownDatabase(database)} was empty, and now contains keys. Next steps:`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n')
}
