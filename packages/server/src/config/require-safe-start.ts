import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigurationError, type ConfigurationProblem } from 'countersign/node'
import { holdsPassword, isPostgresUrl, type Settings } from './configuration-schema.js'
import type { LoadedConfig } from './load-config.js'

/** Secrets that examples use. */
const defaultSecret = /^(?:secret|changeme|change-me|password|default|example|test|client-?secret|your-.*|x+)[\d!]*$/i
const shortestSecret = 16
/** Different characters that 32 random ones have at least, however they are encoded. */

/** A flag of Node, on its command line or in NODE_OPTIONS. */
const lenientParser = '--insecure-http-parser'

/**
 * Refuses to start where a setting or the machine makes the server unsafe (attacks O06): development settings in
 * production, secrets that can be guessed, files that everybody on the machine can read, TLS that checks nothing, HTTP
 * that is read leniently.
 *
 * @throws ConfigurationError naming every setting
 */
export async function requireSafeStart({ file, settings }: LoadedConfig, env: NodeJS.ProcessEnv): Promise<void> {
  const problems: ConfigurationProblem[] = [
    ...environmentProblems(settings, env),
    ...providerProblems(settings.accounts.identityProviders),
  ]
  const { database, masterKey, masterKeyFile, accounts } = settings
  const inFolder = !isPostgresUrl(database)
  const misplaced = inFolder ? await misplacedDatabase(database) : undefined
  if (misplaced !== undefined) problems.push({ setting: 'database', problem: misplaced })
  const files = [
    ...(inFolder && misplaced === undefined
      ? (['', '-wal', '-shm'] as const).map((end) => ['database', database + end] as const)
      : []),
    ...(masterKeyFile === undefined ? [] : [['masterKeyFile', masterKeyFile] as const]),
  ]
  for (const [setting, path] of files) {
    if (await isOpenToAll(path)) problems.push({ setting, problem: exposed(path) })
  }
  for (const [index, path] of (settings.certificateRoots ?? []).entries()) {
    if (!(await isOpenToAll(path, 0o002))) continue
    problems.push({
      setting: `certificateRoots[${index}]`,
      problem: `can be changed by everybody: chmod o-w ${path}`,
    })
  }
  const inFile = accounts.identityProviders.length > 0 && env.COUNTERSIGN_ACCOUNTS_IDENTITY_PROVIDERS === undefined
  const isFromFile = (secret: string | undefined, variable: string) => secret !== undefined && !env[variable]
  const holdsProxySecret = settings.egressProxy !== undefined && new URL(settings.egressProxy).password !== ''
  const holdsSecret =
    (holdsProxySecret && !env.COUNTERSIGN_EGRESS_PROXY) ||
    (holdsPassword(database) && !env.COUNTERSIGN_DATABASE) ||
    isFromFile(masterKey, 'COUNTERSIGN_MASTER_KEY') ||
    inFile
  const readsAsText = file.endsWith('.json')
  if (holdsSecret && readsAsText && (await isOpenToAll(file))) {
    problems.push({ setting: 'the file', problem: `holds a secret and ${exposed(file)}` })
  }
  if (problems.length > 0) throw new ConfigurationError(file, problems)
}

function environmentProblems({ allowInsecureLoopback }: Settings, env: NodeJS.ProcessEnv): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    problems.push({
      setting: 'NODE_TLS_REJECT_UNAUTHORIZED',
      problem:
        'is 0, so keys would be believed from anybody: unset it; for a private authority, set NODE_EXTRA_CA_CERTS',
    })
  }
  if ([...process.execArgv, ...(env.NODE_OPTIONS ?? '').split(/\s+/)].includes(lenientParser)) {
    problems.push({
      setting: lenientParser,
      problem: 'lets a proxy and this server see different requests in the same bytes: take it out',
    })
  }
  if (allowInsecureLoopback && env.NODE_ENV === 'production') {
    problems.push({
      setting: 'allowInsecureLoopback',
      problem: 'is for development, and NODE_ENV is production: take it out',
    })
  }
  return problems
}

function providerProblems(identityProviders: Settings['accounts']['identityProviders']): ConfigurationProblem[] {
  return identityProviders.flatMap(({ clientSecret }, index) => {
    const setting = `accounts.identityProviders[${index}].clientSecret`
    if (defaultSecret.test(clientSecret))
      return [{ setting, problem: 'is a default: set the secret the provider gave you' }]
    if (clientSecret.length >= shortestSecret) return []
    return [{ setting, problem: `is shorter than ${shortestSecret} characters: let the provider make a longer one` }]
  })
}

async function misplacedDatabase(path: string): Promise<string | undefined> {
  const folder = dirname(path)
  if (!(await statOf(folder))?.isDirectory()) return `there is no folder ${folder}: mkdir -p ${folder}`
  if ((await statOf(path))?.isDirectory()) return `is a folder: name a file, such as ${join(path, 'auth.db')}`
  return undefined
}

function exposed(path: string): string {
  return `can be read or changed by everybody on this machine: chmod 600 ${path}`
}

/** Whether others than owner and group may read, write or run a file, or what of it is asked. */
async function isOpenToAll(path: string, mode = 0o007): Promise<boolean> {
  if (process.platform === 'win32') return false
  return (((await statOf(path))?.mode ?? 0) & mode) !== 0
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
