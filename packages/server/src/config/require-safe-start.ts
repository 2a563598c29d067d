import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigurationError, type ConfigurationProblem } from 'countersign/node'
import { holdsPassword, isPostgresUrl, type Settings } from './configuration-schema.js'
import type { ReadableSettings } from './load-config.js'

/** Secrets that appear in examples. */
const defaultSecret = /^(?:secret|changeme|change-me|password|default|example|test|client-?secret|your-.*|x+)[\d!]*$/i
const shortestSecret = 16

/** A Node flag, on the command line or in NODE_OPTIONS. */
const lenientParser = '--insecure-http-parser'

/**
 * Refuses to start if a setting or the environment makes the server unsafe (attacks O06): development settings in production, guessable
 * secrets, files that anyone on the machine can read, TLS without verification, or lenient HTTP parsing.
 *
 * @throws ConfigurationError naming every unsafe setting
 */
export async function requireSafeStart(
  { file, settings }: { file: string; settings: ReadableSettings },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const problems: ConfigurationProblem[] = [
    ...environmentProblems(settings, env),
    ...providerProblems(settings.accounts.identityProviders),
  ]
  const { database, masterKey, masterKeyFile, accounts, email } = settings
  const path = database === undefined || isPostgresUrl(database) ? undefined : database
  const misplaced = path === undefined ? undefined : await misplacedDatabase(path)
  if (misplaced !== undefined) problems.push({ setting: 'database', problem: misplaced })
  const files = [
    ...(path !== undefined && misplaced === undefined
      ? (['', '-wal', '-shm'] as const).map((end) => ['database', path + end] as const)
      : []),
    ...(masterKeyFile === undefined ? [] : [['masterKeyFile', masterKeyFile] as const]),
    ...(email?.passwordFile === undefined ? [] : [['email.passwordFile', email.passwordFile] as const]),
  ]
  for (const [setting, secret] of files) {
    if (await isOpenToAll(secret)) problems.push({ setting, problem: exposed(secret) })
  }
  for (const [index, root] of (settings.certificateRoots ?? []).entries()) {
    if (!(await isOpenToAll(root, 0o002))) continue
    problems.push({
      setting: `certificateRoots[${index}]`,
      problem: `can be changed by anyone on this machine: chmod o-w ${root}`,
    })
  }
  const inFile = accounts.identityProviders.length > 0 && env.COUNTERSIGN_ACCOUNTS_IDENTITY_PROVIDERS === undefined
  const isFromFile = (secret: string | undefined, variable: string) => secret !== undefined && !env[variable]
  const holdsProxySecret = settings.egressProxy !== undefined && new URL(settings.egressProxy).password !== ''
  const holdsSecret =
    (holdsProxySecret && !env.COUNTERSIGN_EGRESS_PROXY) ||
    (database !== undefined && holdsPassword(database) && !env.COUNTERSIGN_DATABASE) ||
    isFromFile(masterKey, 'COUNTERSIGN_MASTER_KEY') ||
    isFromFile(email?.password, 'COUNTERSIGN_EMAIL_PASSWORD') ||
    inFile
  const readsAsText = file.endsWith('.json')
  if (holdsSecret && readsAsText && (await isOpenToAll(file))) {
    problems.push({ setting: 'the file', problem: `contains a secret and ${exposed(file)}` })
  }
  if (problems.length > 0) throw new ConfigurationError(file, problems)
}

function environmentProblems(
  { allowInsecureLoopback }: ReadableSettings,
  env: NodeJS.ProcessEnv,
): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    problems.push({
      setting: 'NODE_TLS_REJECT_UNAUTHORIZED',
      problem:
        'is 0, so TLS certificates are not verified and anyone could serve forged keys: unset it; for a private certificate authority, set NODE_EXTRA_CA_CERTS',
    })
  }
  if ([...process.execArgv, ...(env.NODE_OPTIONS ?? '').split(/\s+/)].includes(lenientParser)) {
    problems.push({
      setting: lenientParser,
      problem: 'lets a proxy and this server parse the same bytes as different requests: remove this option',
    })
  }
  if (allowInsecureLoopback && env.NODE_ENV === 'production') {
    problems.push({
      setting: 'allowInsecureLoopback',
      problem: 'is for development, so it must not be set when NODE_ENV is production: remove this setting',
    })
  }
  return problems
}

function providerProblems(identityProviders: Settings['accounts']['identityProviders']): ConfigurationProblem[] {
  return identityProviders.flatMap(({ clientSecret }, index) => {
    const setting = `accounts.identityProviders[${index}].clientSecret`
    if (defaultSecret.test(clientSecret))
      return [{ setting, problem: 'is a placeholder: set the secret that the provider issued' }]
    if (clientSecret.length >= shortestSecret) return []
    return [{ setting, problem: `is shorter than ${shortestSecret} characters: have the provider issue a longer one` }]
  })
}

async function misplacedDatabase(path: string): Promise<string | undefined> {
  const folder = dirname(path)
  const foundFolder = await statOf(folder)
  if (foundFolder !== 'inaccessible' && !foundFolder?.isDirectory())
    return `is in a folder that does not exist, ${folder}: mkdir -p ${folder}`
  const found = await statOf(path)
  if (found !== 'inaccessible' && found?.isDirectory())
    return `is a folder: set the path of a file, such as ${join(path, 'auth.db')}`
  return undefined
}

function exposed(path: string): string {
  return `can be read or changed by anyone on this machine: chmod 600 ${path}`
}

/** Whether users other than the owner and group have any of the permissions in `mode`, by default read, write or execute. */
async function isOpenToAll(path: string, mode = 0o007): Promise<boolean> {
  if (process.platform === 'win32') return false
  const found = await statOf(path)
  return typeof found === 'object' && (found.mode & mode) !== 0
}

/** Returns undefined if there is no such file. Whatever uses an inaccessible file reports that it cannot be read. */
async function statOf(path: string): Promise<Stats | 'inaccessible' | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : 'inaccessible'
  }
}
