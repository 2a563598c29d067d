import { isLoopbackIdentifier } from 'countersign/discovery'
import { ConfigurationError, createTrustedPeers } from 'countersign/node'
import {
  isPostgresUrl,
  type LoadedConfig,
  loadConfig,
  readCertificates,
  readMasterKey,
  requireSafeStart,
} from 'countersign-server'
import { checkBackups } from './check-backups.js'
import { checkDatabase } from './check-database.js'
import { checkRunning, checkSpace, checkSynchronization, writtenFolders } from './check-machine.js'
import { checking, type Finding } from './finding.js'

export interface Inside {
  /** The file of the configuration. */
  config: string
  /** The folder with copies of the database. */
  backups: string | undefined
  env: NodeJS.ProcessEnv
}

/** Looks at an auth server on the machine that it runs on. */
export async function examineInside({ config: file, backups, env }: Inside): Promise<Finding[]> {
  const { findings, config } = await checkSettings(file, env)
  if (!config) {
    const rest = checking('everything else')
    return [
      ...findings,
      rest.unknown('It needs settings that can be used.'),
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

/** The settings, where they can be used at all. */
export async function checkSettings(
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<{ findings: Finding[]; config: LoadedConfig | undefined }> {
  const report = checking('settings')
  const loaded = await attempt(loadConfig(file, env))
  if ('problems' in loaded) return { findings: problemsOf('settings', loaded.problems), config: undefined }
  const config = loaded.value
  const odd = config.warnings.map((warning) => report.warning(warning, 'Take it out, or mend its name.'))
  return { findings: odd.length > 0 ? odd : [report.ok(`${config.file} is valid.`)], config }
}

/** What serve refuses to start with: secrets that can be guessed, files that others can read, TLS that checks nothing. */
export async function checkStart(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const safe = await attempt(requireSafeStart(config, env))
  const roots = await attempt(readCertificates(config))
  const problems = [safe, roots].flatMap((outcome) => ('problems' in outcome ? outcome.problems : []))
  if (problems.length > 0) return problemsOf('safe start', problems)
  return [
    checking('safe start').ok('Files with secrets are not for everybody, and nothing else keeps serve from starting.'),
  ]
}

/** The key itself is never shown. */
export async function checkMasterKey(config: LoadedConfig): Promise<{ findings: Finding[]; masterKey?: Uint8Array }> {
  const read = await attempt(readMasterKey(config))
  if ('problems' in read) return { findings: problemsOf('master key', read.problems) }
  const { masterKeyFile } = config.settings
  const found = `It can be read, from ${masterKeyFile ?? 'its variable or the configuration'}.`
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
    // The messages say first what is wrong, and after a colon what to do.
    const [what, mend = 'Change the setting.'] = splitOnce(problem)
    return checking(check).problem(`${setting} ${what}.`, mend)
  })
}

function splitOnce(text: string): [string, string?] {
  const at = text.indexOf(': ')
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 2)]
}

const loopback = ['127.0.0.1', '::1', 'localhost']

/** Whether the server knows its proxy, and only its proxy can reach it. */
export function checkProxy({ settings }: LoadedConfig): Finding[] {
  const { issuer, listen, trustProxy } = settings
  const report = checking('proxy')
  if (isLoopbackIdentifier(issuer)) return [report.unknown('The issuer is http on this machine: no proxy is in front.')]
  const isLocal = loopback.includes(listen.host)
  const findings: Finding[] = []
  if (trustProxy.length === 0) {
    findings.push(
      report.problem(
        'trustProxy names nobody, so everybody behind the proxy is one address, and is limited together.',
        `Name the address that the proxy connects from${isLocal ? ', here "trustProxy": ["127.0.0.1"]' : ''}.`,
      ),
    )
  } else if (isLocal && !['127.0.0.1', '::1'].some(createTrustedPeers(trustProxy))) {
    findings.push(
      report.problem(
        `The server listens on ${listen.host}, and trustProxy (${trustProxy.join(', ')}) has no address of this machine.`,
        'Add the address that the proxy connects from, 127.0.0.1 or ::1.',
      ),
    )
  } else {
    const found = `X-Forwarded-For is believed from ${trustProxy.join(', ')} only.`
    findings.push(
      isLocal
        ? report.ok(found)
        : report.unknown(`${found} Whether the proxy connects from there cannot be seen here.`, mendUnseen),
    )
  }
  if (!isLocal) {
    findings.push(
      report.warning(
        `The server speaks plain http on ${listen.host}, port ${listen.port}, where others may reach it past the proxy.`,
        'Let a firewall pass only the proxy to that port.',
      ),
    )
  }
  return findings
}

const mendUnseen =
  'Look for proxy.not_trusted in the log of the server, which names the address of a proxy that is not among these.'

/** Whether others than this machine may reach the port that tells what happens. */
export function checkAdminPort({ settings: { admin } }: LoadedConfig): Finding[] {
  if (!admin || loopback.includes(admin.host)) return []
  return [
    checking('admin port').warning(
      `It listens on ${admin.host}, port ${admin.port}, and tells whoever reaches it what the server does.`,
      'Let a firewall pass only what watches the server to that port, or set admin.host to 127.0.0.1.',
    ),
  ]
}
