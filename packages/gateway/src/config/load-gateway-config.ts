import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { createSigner, type PrivateJwk, type Signer } from 'countersign'
import {
  ConfigurationError,
  type ConfigurationProblem,
  environmentSettings,
  problemsOf,
  readConfigurationFile,
  variableOf,
  withOverrides,
} from 'countersign/node'
import { collisionsIn, contradictionsIn, readableSettings, warningsOf } from './check-settings.js'
import { type GatewaySettings, gatewaySchema, gatewaySettingTable, gatewayShape } from './gateway-schema.js'

/** Parsed and validated settings. */
export interface ReadGatewaySettings {
  /** The absolute path of the file. */
  file: string
  settings: GatewaySettings
  /** Settings that are valid but probably not intended. */
  warnings: readonly string[]
}

/** A parsed and validated configuration, with its key. */
export interface LoadedGatewayConfig extends ReadGatewaySettings {
  signer: Signer
  /** The keys of `otherEditions`, in the same order. */
  otherSigners: readonly Signer[]
}

const prefix = 'COUNTERSIGN_GATEWAY_'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a configuration file (`.json`, or the default export of a module). Environment variables override it
 * (`COUNTERSIGN_GATEWAY_LISTEN_PORT`). Paths in it are relative to the file. The key is not read.
 *
 * @param flags settings that override both the file and the environment
 * @throws ConfigurationError with every invalid setting
 */
export async function readGatewaySettings(
  path: string,
  env: Environment,
  flags?: ReadonlyMap<string, unknown>,
): Promise<ReadGatewaySettings> {
  const { collisions, ...read } = await readProbedSettings(path, env, flags)
  if (collisions.length > 0) throw new ConfigurationError(read.file, collisions)
  return read
}

/**
 * Like {@link readGatewaySettings}, but accepts colliding routes, because a probe finds out how the API interprets their paths.
 *
 * @throws ConfigurationError with every other invalid setting, and with the collisions if there are any
 */
export async function readProbedSettings(
  path: string,
  env: Environment,
  flags: ReadonlyMap<string, unknown> = new Map(),
): Promise<ReadGatewaySettings & { collisions: readonly ConfigurationProblem[] }> {
  const { file, settings, problems, collisions, warnings } = await judgeFile(path, env, flags)
  if (problems.length > 0) throw new ConfigurationError(file, [...problems, ...collisions])
  return { file, settings: settings as GatewaySettings, collisions, warnings }
}

/**
 * Like {@link readGatewaySettings}, but with the API's key.
 *
 * @throws ConfigurationError with every invalid setting, including the key
 */
export async function loadGatewayConfig(
  path: string,
  env: Environment,
  flags: ReadonlyMap<string, unknown> = new Map(),
): Promise<LoadedGatewayConfig> {
  const { file, settings, keyFiles, warnings, ...found } = await judgeFile(path, env, flags)
  const keys = await readKeys(file, keyFiles)
  const problems = [...found.problems, ...found.collisions, ...keys.problems]
  if (problems.length > 0) throw new ConfigurationError(file, problems, keys.cause)
  const [signer, ...otherSigners] = keys.signers as [Signer, ...Signer[]]
  return { file, settings: settings as GatewaySettings, signer, otherSigners, warnings }
}

interface JudgedFile {
  file: string
  /** Undefined if schema validation fails, in which case there are problems. */
  settings: GatewaySettings | undefined
  /** The files that can be read, by setting. */
  keyFiles: readonly (readonly [setting: string, keyFile: string])[]
  problems: ConfigurationProblem[]
  /** Collisions between routes. */
  collisions: ConfigurationProblem[]
  warnings: string[]
}

async function judgeFile(path: string, env: Environment, flags: ReadonlyMap<string, unknown>): Promise<JudgedFile> {
  const file = resolve(path)
  const overrides = environmentSettings(env, gatewaySettingTable, prefix)
  const content = withUpstreamGroup(await readConfigurationFile(file))
  const merged = withOverrides(withOverrides(content, overrides.values), flags)
  const parsed = gatewaySchema.safeParse(merged, { reportInput: true })
  const wrong = parsed.success ? [] : problemsOf(parsed.error.issues, gatewayShape)
  // A setting that is invalid on its own is reported only once. The other entries and members of a list are still checked.
  const readable = readableSettings(merged)
  const later = contradictionsIn(readable).filter(
    ({ setting }) => !wrong.some((other) => isPartOf(other.setting, setting)),
  )
  const found = [...wrong, ...later].map((problem) => withVariable(problem, overrides.values))
  const unknown = overrides.unknown.map((name) => `${name} is not a setting and has no effect.`)
  return {
    file,
    settings: parsed.success ? parsed.data : undefined,
    keyFiles: [readable, ...(readable.otherEditions ?? [])].flatMap(({ keyFile }, at) =>
      keyFile === undefined ? [] : [[at === 0 ? 'keyFile' : `otherEditions[${at - 1}].keyFile`, keyFile] as const],
    ),
    problems: [...overrides.problems, ...found],
    collisions: collisionsIn(readable),
    warnings: parsed.success ? [...unknown, ...warningsOf(parsed.data, merged)] : unknown,
  }
}

/** Whether a setting is the same as another setting or a part of it, as `routes[0].scope` is part of `routes[0]`. */
function isPartOf(setting: string, other: string): boolean {
  return setting.startsWith(other) && /^(?:$|[.[])/.test(setting.slice(other.length))
}

/** `upstream` may also be given as just its URL. */
function withUpstreamGroup(content: object): object {
  const { upstream } = content as { upstream?: unknown }
  return typeof upstream === 'string' ? { ...content, upstream: { url: upstream } } : content
}

function withVariable(found: ConfigurationProblem, values: ReadonlyMap<string, unknown>): ConfigurationProblem {
  const { setting, problem } = found
  return values.has(setting) ? { setting: `${setting} (${variableOf(setting, prefix)})`, problem } : found
}

/** The API's keys: one for each edition, because a key has one name for its algorithm. */
async function readKeys(file: string, keyFiles: JudgedFile['keyFiles']) {
  const signers: Signer[] = []
  const problems: ConfigurationProblem[] = []
  let cause: unknown
  for (const [setting, keyFile] of keyFiles) {
    const key = await readSigner(resolve(dirname(file), keyFile))
    const isRepeated = 'signer' in key && signers.some(({ thumbprint }) => thumbprint === key.signer.thumbprint)
    if ('signer' in key) signers.push(key.signer)
    else cause = key.cause
    if ('problem' in key) problems.push({ setting, problem: key.problem })
    else if (isRepeated) problems.push({ setting, problem: `${keyFile}: each edition needs its own key` })
  }
  return { signers, problems, cause }
}

async function readSigner(keyFile: string): Promise<{ signer: Signer } | { problem: string; cause: unknown }> {
  try {
    return { signer: await createSigner(JSON.parse(await readFile(keyFile, 'utf8')) as PrivateJwk) }
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const what = isMissing
      ? `the file does not exist. Create it with "countersign agent keys generate --output ${keyFile}"`
      : 'the file cannot be read, or contains no valid private JWK. Use a file written by "countersign agent keys generate --output"'
    return { problem: `${keyFile}: ${what}`, cause }
  }
}
