import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { createSigner, type PrivateJwk, type Signer } from 'countersign'
import { readConfigurationFile } from 'countersign/node'
import {
  ConfigurationError,
  type ConfigurationProblem,
  environmentSettings,
  isIdentifier,
  problemsOf,
  variableOf,
  withOverrides,
} from 'countersign/wire'
import { type GatewaySettings, gatewaySchema, gatewaySettingTable, gatewayShape } from './gateway-schema.js'

/** A configuration that was read and checked. */
export interface LoadedGatewayConfig {
  /** The file, absolute. */
  file: string
  settings: GatewaySettings
  signer: Signer
  /** What is odd, but no reason not to start. */
  warnings: readonly string[]
}

const prefix = 'COUNTERSIGN_GATEWAY_'

/**
 * Reads a configuration file (`.json`, or the default export of a module), and what the environment overrides
 * (`COUNTERSIGN_GATEWAY_LISTEN_PORT`). Paths in it are relative to the file.
 *
 * @param flags settings that count more than both
 * @throws ConfigurationError naming every wrong setting
 */
export async function loadGatewayConfig(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  flags: ReadonlyMap<string, unknown> = new Map(),
): Promise<LoadedGatewayConfig> {
  const file = resolve(path)
  const overrides = environmentSettings(env, gatewaySettingTable, prefix)
  const merged = withOverrides(withOverrides(await readConfigurationFile(file), overrides.values), flags)
  const parsed = gatewaySchema.safeParse(merged, { reportInput: true })
  const found = parsed.success ? contradictionsIn(parsed.data) : problemsOf(parsed.error.issues, gatewayShape)
  const problems = [...overrides.problems, ...found.map((problem) => withVariable(problem, overrides.values))]
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(file, problems)
  const keyFile = resolve(dirname(file), parsed.data.keyFile)
  const unknown = overrides.unknown.map((name) => `${name} is no setting and has no effect.`)
  const warnings = [...unknown, ...withoutEffect(parsed.data, merged), ...knownToOne(parsed.data)]
  return { file, settings: parsed.data, signer: await readSigner(file, keyFile), warnings }
}

function contradictionsIn(settings: GatewaySettings): ConfigurationProblem[] {
  const { allowInsecureLoopback, scopes, routes } = settings
  const named = (['id', 'authServer'] as const).flatMap((setting) =>
    isIdentifier(settings[setting], { allowInsecureLoopback })
      ? []
      : [{ setting, problem: 'must be an https URL without a path, a slash at the end or a default port' }],
  )
  const needed = [
    ...routes.map(({ scope }, at) => [`routes[${at}].scope`, scope] as const),
    ...settings.mcp.flatMap(({ connect, tools, resources, prompts, methods }, at) =>
      scopesOf({ connect, tools, resources, prompts, methods }, `mcp[${at}]`),
    ),
  ]
  const unknown = needed.flatMap(([setting, scope]) =>
    (scope?.split(' ') ?? [])
      .filter((value) => value !== '' && scopes && !Object.hasOwn(scopes, value))
      .map((value) => ({ setting, problem: `names ${value}, which scopes does not describe` })),
  )
  return [...named, ...unknown, ...missingFor(settings), ...notShared(settings)]
}

/** A signed request would work once in each (G12). */
function notShared({ instances, redis }: GatewaySettings): ConfigurationProblem[] {
  if (instances === 1 || redis !== undefined) return []
  const problem = `is ${instances}, so a signed request would work once in each: name in redis where they remember it together`
  return [{ setting: 'instances', problem }]
}

/** The scopes of a table of MCP, by their settings. */
function scopesOf(table: object, name: string): (readonly [setting: string, scope: string])[] {
  return Object.entries(table).flatMap(([member, given]: [string, unknown]) =>
    typeof given === 'string' ? [[`${name}.${member}`, given] as const] : scopesOf(given ?? {}, `${name}.${member}`),
  )
}

function missingFor({ verifyOnly, upstream, trustProxy, assertion, mcp }: GatewaySettings): ConfigurationProblem[] {
  if (!verifyOnly && upstream === undefined)
    return [{ setting: 'upstream', problem: 'is missing; it must be where the API listens: http://127.0.0.1:3000' }]
  if (!verifyOnly) return []
  const problems: ConfigurationProblem[] = []
  if (assertion && upstream === undefined)
    problems.push({
      setting: 'upstream',
      problem: 'is missing; it must be where the API listens, since an assertion is addressed to it',
    })
  if (trustProxy.length === 0)
    problems.push({ setting: 'trustProxy', problem: 'must name the proxy that asks: nobody else is answered' })
  if (mcp.length > 0)
    problems.push({
      setting: 'mcp',
      problem:
        'cannot be protected with verifyOnly: what a message asks for is in its body, which the proxy does not show. Run a gateway in the path for it',
    })
  return problems
}

/** Limits of what goes through the gateway. */
const limitsOfPassage = [
  'maxBody',
  'uploads',
  'memory',
  'bodyTime',
  'stallTime',
  'connectTime',
  'answerTime',
  'silence',
]

/** What was set and has no effect where only subrequests are answered. */
function withoutEffect({ verifyOnly, cors, routes }: GatewaySettings, given: unknown): string[] {
  if (!verifyOnly) return []
  const { limits = {} } = given as { limits?: object }
  const names = limitsOfPassage.filter((name) => Object.hasOwn(limits, name)).map((name) => `limits.${name}`)
  for (const [at, { maxBody }] of routes.entries()) if (maxBody !== undefined) names.push(`routes[${at}].maxBody`)
  const warnings = names.map((name) => `${name} has no effect with verifyOnly: set such a limit in the proxy.`)
  if (cors) warnings.push('cors has no effect with verifyOnly: have the proxy or the API answer preflights.')
  return warnings
}

/** What several gateways do not remember together. */
function knownToOne({ instances, mcp }: GatewaySettings): string[] {
  if (instances === 1 || mcp.length === 0) return []
  return [
    'mcp: a session, as servers before 2026-07-28 have them, is known to one gateway only: lead its client there again.',
  ]
}

function withVariable(found: ConfigurationProblem, values: ReadonlyMap<string, unknown>): ConfigurationProblem {
  const { setting, problem } = found
  return values.has(setting) ? { setting: `${setting} (${variableOf(setting, prefix)})`, problem } : found
}

async function readSigner(file: string, keyFile: string): Promise<Signer> {
  try {
    return await createSigner(JSON.parse(await readFile(keyFile, 'utf8')) as PrivateJwk)
  } catch (cause) {
    const problem = `${keyFile} holds no private JWK that can be read: countersign keys generate makes one`
    throw new ConfigurationError(file, [{ setting: 'keyFile', problem }], cause)
  }
}
