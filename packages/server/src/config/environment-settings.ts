import type { ConfigurationProblem } from '../settings/configuration-problem.js'
import type { SettingRow } from '../settings/setting-rows.js'
import { settingTable } from './configuration-schema.js'

/** What the environment overrides. */
interface EnvironmentSettings {
  /** Values by the names of their settings. */
  values: ReadonlyMap<string, unknown>
  problems: readonly ConfigurationProblem[]
  /** Variables that look like settings and are none. */
  unknown: readonly string[]
}

/** The environment variable of a setting: `listen.port` → `COUNTERSIGN_LISTEN_PORT`. */
export function environmentName(setting: string): string {
  return `COUNTERSIGN_${setting.replaceAll('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`
}
/** Reads `COUNTERSIGN_…`; an empty variable counts as absent. */
export function environmentSettings(env: NodeJS.ProcessEnv): EnvironmentSettings {
  const values = new Map<string, unknown>()
  const problems: ConfigurationProblem[] = []
  const names = new Set<string>()
  for (const row of settingTable) {
    const variable = environmentName(row.name)
    names.add(variable)
    const text = env[variable]
    if (text === undefined || text === '') continue
    const value = readValue(text, row)
    if (value === undefined) problems.push({ setting: `${row.name} (${variable})`, problem: expected[row.read] })
    else values.set(row.name, value)
  }
  // The last one is what an orchestrator sets for a service of that name.
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('COUNTERSIGN_') && !names.has(name) && !/_(?:SERVICE|PORT)(?:_|$)/.test(name),
  )
  return { values, problems, unknown }
}

const expected: Readonly<Record<SettingRow['read'], string>> = {
  text: 'must be a text',
  number: 'must be a number',
  boolean: 'must be true or false',
  json: 'must be JSON, as in the file',
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
