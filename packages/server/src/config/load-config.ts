import { dirname, resolve } from 'node:path'
import { isLoopbackIdentifier } from 'countersign/wire'
import type * as z from 'zod'
import { ConfigurationError, type ConfigurationProblem } from './configuration-error.js'
import { configurationSchema, type Settings } from './configuration-schema.js'
import { contradictionsOf } from './contradictions-of.js'
import { environmentSettings } from './environment-settings.js'
import { problemsOf } from './problems-of.js'
import { readConfigurationFile } from './read-configuration-file.js'
import { environmentName } from './setting-table.js'

/** A configuration that was read and checked by itself; {@link requireSafeStart} judges the machine it runs on. */
export interface LoadedConfig {
  /** The file, absolute. */
  file: string
  settings: Settings
  /** What is odd, but no reason not to start. */
  warnings: readonly string[]
}

/**
 * Reads a configuration file (`.json`, or the default export of a `.js`, `.mjs` or `.ts` module) and what the environment
 * overrides. Paths in it are relative to the file.
 *
 * @throws ConfigurationError naming every wrong setting
 */
export async function loadConfig(path: string, env: NodeJS.ProcessEnv): Promise<LoadedConfig> {
  const file = resolve(path)
  const content = await readConfigurationFile(file)
  const overrides = environmentSettings(env)
  const merged = withOverrides(content, overrides.values)
  const parsed = configurationSchema.safeParse(merged, { reportInput: true })
  const problems = [
    ...overrides.problems,
    ...(parsed.success ? contradictionsOf(parsed.data) : problemsIn(merged, parsed.error.issues)),
  ].map(({ setting, problem }) => ({ setting: withVariable(setting, overrides.values), problem }))
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(file, problems)
  const settings = parsed.data
  const absolute = (relative: string) => resolve(dirname(file), relative)
  return {
    file,
    settings: {
      ...settings,
      listen: { ...settings.listen, port: portOf(merged, settings) },
      database: absolute(settings.database),
      ...(settings.masterKeyFile === undefined ? {} : { masterKeyFile: absolute(settings.masterKeyFile) }),
      ...(settings.certificates && { certificates: { roots: settings.certificates.roots.map(absolute) } }),
    },
    warnings: overrides.unknown.map((name) => `${name} is no setting and has no effect.`),
  }
}

/** What is wrong with settings, and between those of them that are well formed. */
function problemsIn(merged: object, issues: readonly z.core.$ZodIssue[]): ConfigurationProblem[] {
  const malformed = new Set(issues.map(({ path: [group] }) => group))
  const wellFormed = Object.fromEntries(Object.entries(merged).filter(([name]) => !malformed.has(name)))
  const parsed = configurationSchema.partial().strip().safeParse(wellFormed)
  return [...problemsOf(issues), ...(parsed.success ? contradictionsOf(parsed.data) : [])]
}

/** On loopback nothing stands in front of the server, so the port of its issuer is where it listens, unless said otherwise. */
function portOf(given: object, { issuer, listen }: Settings): number {
  const set = 'listen' in given && typeof given.listen === 'object' && given.listen !== null && 'port' in given.listen
  return set || !isLoopbackIdentifier(issuer) ? listen.port : Number(new URL(issuer).port)
}

/** The file's object with the environment's values in their places. */
function withOverrides(content: object, values: ReadonlyMap<string, unknown>): object {
  const merged: Record<string, unknown> = { ...content }
  for (const [name, value] of values) {
    const [first = '', second] = name.split('.')
    const group = merged[first]
    if (second === undefined) merged[first] = value
    else merged[first] = { ...(typeof group === 'object' ? group : {}), [second]: value }
  }
  return merged
}

function withVariable(setting: string, values: ReadonlyMap<string, unknown>): string {
  return values.has(setting) ? `${setting} (${environmentName(setting)})` : setting
}
