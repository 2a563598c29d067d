import { isLoopbackIdentifier } from 'countersign/discovery'
import { ConfigurationError, createTrustedPeers } from 'countersign/node'
import {
  isPostgresUrl,
  type LoadedConfig,
  loadConfig,
  readCertificates,
  readMasterKey,
  requireSafeStart,
} from 'countersign-server/operate'
import { requireUsableEditions } from '../editions/server-editions.js'
import { checkBackups } from './check-backups.js'
import { checkDatabase } from './check-database.js'
import { checkRunning, checkSpace, checkSynchronization, writtenFolders } from './check-machine.js'
import { checking, type Finding } from './finding.js'

export interface Inside {
  /** Path of the configuration file. */
  config: string
  /** Folder with the database backups. */
  backups: string | undefined
  env: NodeJS.ProcessEnv
}

/** Checks an auth server on its own machine. */
export async function examineInside({ config: file, backups, env }: Inside): Promise<Finding[]> {
  const { findings, config } = await checkSettings(file, env)
  if (!config) {
    const rest = checking('everything else')
    return [
      ...findings,
      rest.unknown('The remaining checks need valid settings.'),
      ...checkBackups(backups, { isFile: true, env }),
    ]
  }
  const { findings: ofMasterKey, masterKey } = await checkMasterKey(config)
  return [
    ...findings,
    ...(await checkStart(config, env)),
    ...ofMasterKey,
    ...(await checkDatabase(config, masterKey)),
    ...checkProxy(config),
    ...checkAdminPort(config),
    ...(await checkRunning(config)),
    ...checkBackups(backups, { isFile: !isPostgresUrl(config.settings.database), env }),
    ...checkSpace(writtenFolders(config, backups)),
    checkSynchronization(),
  ]
}

/** Checks the settings, and returns the configuration if it is valid. */
export async function checkSettings(
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<{ findings: Finding[]; config: LoadedConfig | undefined }> {
  const report = checking('settings')
  const loaded = await attempt(loadConfig(file, env))
  if ('problems' in loaded) return { findings: problemsOf('settings', loaded.problems), config: undefined }
  const config = loaded.value
  const odd = config.warnings.map((warning) => report.warning(warning, 'Unset the variable, or correct its name.'))
  return { findings: odd.length > 0 ? odd : [report.ok(`${config.file} is valid.`)], config }
}

/**
 * Checks everything that makes the server refuse to start: secrets that can be guessed, files that other users can read, disabled TLS
 * verification.
 */
export async function checkStart(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const safe = await attempt(requireSafeStart(config, env))
  const roots = await attempt(readCertificates(config))
  const oauth = await attempt(requireUsableEditions(config))
  const problems = [safe, roots, oauth].flatMap((outcome) => ('problems' in outcome ? outcome.problems : []))
  if (problems.length > 0) return problemsOf('safe start', problems)
  return [
    checking('safe start').ok(
      'No file with secrets is open to every user of this machine, and no setting prevents the server from starting.',
    ),
  ]
}

/** Checks that the master key can be read. The key itself is never shown. */
export async function checkMasterKey(config: LoadedConfig): Promise<{ findings: Finding[]; masterKey?: Uint8Array }> {
  const read = await attempt(readMasterKey(config))
  if ('problems' in read) return { findings: problemsOf('master key', read.problems) }
  const { masterKeyFile } = config.settings
  const found = `It can be read from ${masterKeyFile ?? 'its variable or the configuration'}.`
  return { findings: [checking('master key').ok(found)], masterKey: read.value }
}

type Problems = ConfigurationError['problems']

async function attempt<T>(work: Promise<T>): Promise<{ value: T } | { problems: Problems }> {
  try {
    return { value: await work }
  } catch (error) {
    if (error instanceof ConfigurationError) return { problems: error.problems }
    throw error
  }
}

function problemsOf(check: string, problems: Problems): Finding[] {
  return problems.map(({ setting, problem }) => {
    // The messages state the problem first, and the fix after a colon.
    const [what, fix = 'Change the setting.'] = splitOnce(problem)
    return checking(check).problem(`${setting} ${what}${what.endsWith('?') ? '' : '.'}`, fix)
  })
}

function splitOnce(text: string): [string, string?] {
  const at = text.indexOf(': ')
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 2)]
}

const loopback = ['127.0.0.1', '::1', 'localhost']

/** Checks that the server trusts its proxy, and that only the proxy can reach the server. */
export function checkProxy({ settings }: LoadedConfig): Finding[] {
  const { issuer, listen, trustProxy } = settings
  const report = checking('proxy')
  if (isLoopbackIdentifier(issuer))
    return [report.unknown('The issuer uses http on this machine, so there is no proxy to check.')]
  const isLocal = loopback.includes(listen.host)
  const findings: Finding[] = []
  if (trustProxy.length === 0) {
    findings.push(
      report.problem(
        'trustProxy is empty, so all clients behind the proxy share one address and its rate limits.',
        `Add the address from which the proxy connects${isLocal ? ', here "trustProxy": ["127.0.0.1"]' : ''}.`,
      ),
    )
  } else if (isLocal && !['127.0.0.1', '::1'].some(createTrustedPeers(trustProxy))) {
    findings.push(
      report.problem(
        `The server listens on ${listen.host}, but trustProxy (${trustProxy.join(', ')}) contains neither 127.0.0.1 nor ::1.`,
        'Add the address from which the proxy connects, 127.0.0.1 or ::1.',
      ),
    )
  } else {
    const found = `X-Forwarded-For is trusted only if it comes from ${trustProxy.join(', ')}.`
    findings.push(
      isLocal
        ? report.ok(found)
        : report.unknown(
            `${found} It cannot be checked here whether the proxy connects from that address.`,
            mendUnseen,
          ),
    )
  }
  if (!isLocal) {
    findings.push(
      report.warning(
        `The server listens for plain http on ${listen.host}, port ${listen.port}, which other machines may be able to reach without going through the proxy.`,
        'Configure a firewall to allow only the proxy to connect to that port.',
      ),
    )
  }
  return findings
}

const mendUnseen =
  'Look for proxy.not_trusted in the server’s log: each entry contains the address of a proxy that is not listed.'

/** Checks whether the admin port, which exposes the server's state, is reachable from other machines. */
export function checkAdminPort({ settings: { admin } }: LoadedConfig): Finding[] {
  if (!admin || loopback.includes(admin.host)) return []
  return [
    checking('admin port').warning(
      `It listens on ${admin.host}, port ${admin.port}, and exposes the server’s activity to anyone who can reach it.`,
      'Configure a firewall to allow only your monitoring to connect to that port, or set admin.host to 127.0.0.1.',
    ),
  ]
}
