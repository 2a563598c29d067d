import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { accessTokenType } from 'countersign/editions'
import {
  ConfigurationError,
  type ConfigurationProblem,
  environmentSettings,
  MissingPackageError,
  problemsOf,
  readConfigurationFile,
  variableOf,
  withOverrides,
} from 'countersign/node'
import type * as z from 'zod'
import type { SendEmail } from '../outbound/email-sender.js'
import type { LogoReEncoder } from '../outbound/logo-re-encoder.js'
import { readLogo } from '../pages/check-brand.js'
import {
  configurationSchema,
  configurationShape,
  isPostgresUrl,
  type Settings,
  settingTable,
} from './configuration-schema.js'
import { findContradictions } from './fields.js'

/** A configuration that has been read and validated on its own. {@link requireSafeStart} checks the environment that the server runs in. */
export interface LoadedConfig {
  /** Absolute path of the configuration file. */
  file: string
  settings: Settings
  /** Oddities that do not prevent the server from starting. */
  warnings: readonly string[]
}

/** The valid settings. An invalid setting is replaced by its default; `issuer` and `database` have no default. */
export type ReadableSettings = Omit<Settings, 'issuer' | 'database'> & {
  issuer?: string | undefined
  database?: string | undefined
}

/** The readable part of a configuration. */
export interface ReadConfig {
  /** Absolute path of the configuration file. */
  file: string
  settings: ReadableSettings
  problems: readonly ConfigurationProblem[]
  /** The whole configuration; undefined if there are problems. */
  loaded: LoadedConfig | undefined
}

/**
 * Reads a configuration file (`.json`, or the default export of a `.js`, `.mjs` or, from Node 22.18 on, `.ts` module) and applies overrides
 * from the environment. Paths in it are relative to the file.
 *
 * @throws ConfigurationError naming every invalid setting
 */
export async function loadConfig(path: string, env: NodeJS.ProcessEnv): Promise<LoadedConfig> {
  const { file, loaded, problems } = await readConfig(path, env)
  if (!loaded) throw new ConfigurationError(file, problems)
  return loaded
}

/**
 * Like {@link loadConfig}, but returns the problems, so that further checks can add theirs.
 *
 * @throws ConfigurationError only if the file itself cannot be read
 */
export async function readConfig(path: string, env: NodeJS.ProcessEnv): Promise<ReadConfig> {
  const file = resolve(path)
  const content = await readConfigurationFile(file)
  const overrides = environmentSettings(env, settingTable, variablePrefix)
  const merged = withOverrides(content, overrides.values)
  const parsed = configurationSchema.safeParse(merged, { reportInput: true })
  const problems = [
    ...overrides.problems,
    ...(parsed.success ? contradictionsIn(parsed.data) : problemsIn(merged, parsed.error.issues)),
  ].map(({ setting, problem }) => ({ setting: withVariable(setting, overrides.values), problem }))
  const absolute = (relative: string) => resolve(dirname(file), relative)
  const databaseAt = (database: string) => (isPostgresUrl(database) ? database : absolute(database))
  const filesOf = ({ masterKeyFile, certificateRoots, email }: ReadableSettings) => ({
    email: email?.passwordFile === undefined ? email : { ...email, passwordFile: absolute(email.passwordFile) },
    masterKeyFile: masterKeyFile === undefined ? undefined : absolute(masterKeyFile),
    certificateRoots: certificateRoots?.map(absolute),
  })
  const pagesOf = ({ pages }: Pick<Settings, 'pages'>) =>
    pages.logo === undefined ? pages : { ...pages, logo: absolute(pages.logo) }
  const logo = parsed.success ? pagesOf(parsed.data).logo : undefined
  const unusable = logo === undefined ? undefined : readLogo(logo)
  if (unusable && 'problem' in unusable) problems.push({ setting: 'pages.logo', problem: unusable.problem })
  if (!parsed.success || problems.length > 0) {
    const readable = parsed.success ? parsed.data : readablePart(merged, parsed.error.issues)
    const database = readable.database === undefined ? undefined : databaseAt(readable.database)
    return { file, settings: { ...readable, ...filesOf(readable), database }, problems, loaded: undefined }
  }
  const { data } = parsed
  const listen = { ...data.listen, port: portOf(merged, data) }
  const settings = { ...data, ...filesOf(data), pages: pagesOf(data), listen, database: databaseAt(data.database) }
  const warnings = overrides.unknown.map((name) => `${name} is not a setting and has no effect.`)
  return { file, settings, problems, loaded: { file, settings, warnings } }
}

/** The settings without the invalid ones, or without their group if it is not clear which member is invalid. */
function readablePart(merged: object, issues: readonly z.core.$ZodIssue[]): ReadableSettings {
  const groups = new Map(Object.entries(merged).map(([name, value]) => [name, isGroup(value) ? { ...value } : value]))
  for (const issue of issues) {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
    for (const name of names) {
      const [group, member] = name === undefined ? issue.path : [...issue.path, name]
      const members: unknown = groups.get(String(group))
      if (isGroup(members) && typeof member === 'string') Reflect.deleteProperty(members, member)
      else groups.delete(String(group))
    }
  }
  const readable = configurationSchema.partial({ issuer: true, database: true })
  const parsed = readable.safeParse(Object.fromEntries(groups))
  return parsed.success ? parsed.data : readable.parse({})
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the problems of single settings, and the contradictions between the well-formed ones. */
function problemsIn(merged: object, issues: readonly z.core.$ZodIssue[]): ConfigurationProblem[] {
  const malformed = new Set(issues.map(({ path: [group] }) => group))
  const wellFormed = Object.fromEntries(Object.entries(merged).filter(([name]) => !malformed.has(name)))
  const parsed = configurationSchema.partial().strip().safeParse(wellFormed)
  return [...problemsOf(issues, configurationShape), ...(parsed.success ? contradictionsIn(parsed.data) : [])]
}

/** Returns the contradictions between settings; malformed ones are left out. */
function contradictionsIn(settings: { [Name in keyof Settings]?: Settings[Name] | undefined }): ConfigurationProblem[] {
  const { accounts, allowInsecureLoopback, masterKey, masterKeyFile, oauth, lifetimes } = settings
  const problems = findContradictions(settings)
  if (oauth !== undefined && (lifetimes?.authToken ?? 0) > accessTokenType.maxLifetime)
    problems.push({
      setting: 'lifetimes.authToken',
      problem: `must be at most ${accessTokenType.maxLifetime} because oauth is set: anyone who copies an OAuth client’s access token can use it until it expires`,
    })
  if (masterKey !== undefined && masterKeyFile !== undefined)
    problems.push({ setting: 'masterKey', problem: 'is set together with masterKeyFile: set only one of them' })
  for (const [index, provider] of (accounts?.identityProviders ?? []).entries()) {
    if (!provider.allowInsecureLoopback || allowInsecureLoopback) continue
    const setting = `accounts.identityProviders[${index}].allowInsecureLoopback`
    problems.push({
      setting,
      problem: 'is for development: remove this setting, or also set the server’s own allowInsecureLoopback',
    })
  }
  return problems
}

/** On loopback there is no proxy in front of the server, so it listens on its issuer's port unless a setting overrides this. */
function portOf(given: object, { issuer, listen }: Settings): number {
  const set = 'listen' in given && typeof given.listen === 'object' && given.listen !== null && 'port' in given.listen
  return set || !isLoopbackIdentifier(issuer) ? listen.port : Number(new URL(issuer).port)
}

function withVariable(setting: string, values: ReadonlyMap<string, unknown>): string {
  return values.has(setting) ? `${setting} (${environmentName(setting)})` : setting
}

/** The prefix of the auth server's environment variables. */
const variablePrefix = 'COUNTERSIGN_'

/** The environment variable of a setting: `listen.port` → `COUNTERSIGN_LISTEN_PORT`. */
export function environmentName(setting: string): string {
  return variableOf(setting, variablePrefix)
}

/**
 * Loads the re-encoder for agents' logos; undefined if pages show no logos.
 *
 * @throws ConfigurationError naming the package to install
 */
export async function loadLogoReEncoder({
  file,
  settings,
}: Pick<ReadConfig, 'file' | 'settings'>): Promise<LogoReEncoder | undefined> {
  if (!settings.pages.logos) return undefined
  try {
    return (await import('../outbound/re-encode/index.js')).reEncodeLogo
  } catch (error) {
    if (!(error instanceof MissingPackageError)) throw error
    const problem = `${error.message}, or set pages.logos to false, so that pages show a letter for each agent`
    throw new ConfigurationError(file, [{ setting: 'pages.logos', problem }])
  }
}

/**
 * Creates the sender of emails, with the password from its file; undefined if `email` is not set.
 *
 * @throws ConfigurationError naming the file that cannot be read, or the package to install
 */
export async function loadEmailSender({
  file,
  settings,
}: Pick<ReadConfig, 'file' | 'settings'>): Promise<SendEmail | undefined> {
  const { email } = settings
  if (!email) return undefined
  const refuse = (setting: string, problem: string, cause: unknown) =>
    new ConfigurationError(file, [{ setting, problem }], cause)
  const { passwordFile, ...smtp } = email
  const { smtpSender } = await import('../outbound/smtp/index.js').catch((error: unknown) => {
    throw error instanceof MissingPackageError ? refuse('email', error.message, error) : error
  })
  if (passwordFile === undefined) return smtpSender(smtp)
  const password = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw refuse('email.passwordFile', `cannot be read (${code}): ${passwordFile}`, error)
  })
  const trimmed = password.replace(/\r?\n$/, '')
  if (trimmed === '') throw refuse('email.passwordFile', `is empty: ${passwordFile}`, undefined)
  return smtpSender({ ...smtp, password: trimmed })
}
