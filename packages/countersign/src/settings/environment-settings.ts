import type { ConfigurationProblem } from './problems.js'
import type { SettingRow } from './setting-rows.js'

/** The settings that the environment overrides. */
export interface EnvironmentSettings {
  /** Values by setting name. */
  values: ReadonlyMap<string, unknown>
  problems: readonly ConfigurationProblem[]
  /** Variables that have the prefix but match no setting. */
  unknown: readonly string[]
}

/** The environment variable for a setting, with a given prefix: `listen.port` → `COUNTERSIGN_LISTEN_PORT`. */
export function variableOf(setting: string, prefix: string): string {
  return `${prefix}${setting.replaceAll('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`
}

/** Reads the variables with a prefix such as `COUNTERSIGN_`. Empty variables count as absent. */
export function environmentSettings(
  env: Readonly<Record<string, string | undefined>>,
  table: readonly SettingRow[],
  prefix: string,
): EnvironmentSettings {
  const values = new Map<string, unknown>()
  const problems: ConfigurationProblem[] = []
  const names = new Set<string>()
  for (const row of table) {
    const variable = variableOf(row.name, prefix)
    names.add(variable)
    const text = env[variable]
    if (text === undefined || text === '') continue
    const value = readValue(text, row)
    if (value === undefined) problems.push({ setting: `${row.name} (${variable})`, problem: expected[row.read] })
    else values.set(row.name, value)
  }
  // The last pattern matches variables that an orchestrator sets for a service named like the prefix.
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith(prefix) && !names.has(name) && !/_(?:SERVICE|PORT)(?:_|$)/.test(name),
  )
  return { values, problems, unknown }
}

const expected: Readonly<Record<SettingRow['read'], string>> = {
  text: 'must be a string',
  number: 'must be a whole number',
  boolean: 'must be true or false',
  json: 'must be JSON, as in the configuration file',
}

function readValue(text: string, { read }: SettingRow): unknown {
  if (read === 'text') return text
  if (read === 'number') return /^-?\d+$/.test(text) ? Number(text) : undefined
  if (read === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
