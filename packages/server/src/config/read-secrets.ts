import { readFile } from 'node:fs/promises'
import type { CertificateFinder } from 'countersign/discovery'
import { ConfigurationError, type ConfigurationProblem, MissingPackageError } from 'countersign/node'
import { masterKeyLength } from '../secrets/sealed-private-key.js'
import type { ReadConfig } from './load-config.js'

const ranBefore =
  'For an existing server, use its original master key: no other key can decrypt the keys in its database'
const missing = `is missing. For a new server, create one with "countersign server keys generate-master --output master.key" and set masterKeyFile. ${ranBefore}`
const noFile = (path: string) =>
  `is missing: there is no file ${path}. For a new server, create it with "countersign server keys generate-master --output ${path}". ${ranBefore}`

/** Reads the master key from its variable or file. @throws ConfigurationError if it is missing or invalid */
export async function readMasterKey({ file, settings }: Pick<ReadConfig, 'file' | 'settings'>): Promise<Uint8Array> {
  const { masterKey, masterKeyFile } = settings
  const refuse = (setting: string, problem: string, cause?: unknown) =>
    new ConfigurationError(file, [{ setting, problem }], cause)
  if (masterKey === undefined && masterKeyFile === undefined) throw refuse('masterKey', missing)
  let text = masterKey ?? ''
  if (masterKeyFile !== undefined) {
    try {
      text = await readFile(masterKeyFile, 'utf8')
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
      throw refuse('masterKeyFile', code === 'ENOENT' ? noFile(masterKeyFile) : `cannot be read (${code})`, cause)
    }
  }
  const parsed = parseMasterKey(text)
  if ('problem' in parsed) throw refuse(masterKeyFile === undefined ? 'masterKey' : 'masterKeyFile', parsed.problem)
  return parsed.masterKey
}

const forms = [
  { pattern: /^[0-9a-f]{64}$/i, encoding: 'hex' },
  { pattern: /^[A-Za-z0-9_-]{43}=?$/, encoding: 'base64url' },
  { pattern: /^[A-Za-z0-9+/]{43}=?$/, encoding: 'base64' },
] as const

/** Minimum number of distinct byte values in 32 random bytes; fewer occur in only one of 10^15 cases. */
const fewestValues = 16

/** Parses a master key encoded as base64url, base64 or hex. Returns the key or the problem. */
export function parseMasterKey(text: string): { masterKey: Uint8Array } | { problem: string } {
  const trimmed = text.trim()
  const form = forms.find(({ pattern }) => pattern.test(trimmed))
  if (!form) return { problem: `must be ${masterKeyLength} random bytes, encoded as base64url, base64 or hex: ${how}` }
  const masterKey = Buffer.from(trimmed, form.encoding)
  const typed = masterKey.every((byte) => byte >= 0x20 && byte < 0x7f)
  if (typed || new Set(masterKey).size < fewestValues) return { problem: `is not random, so it can be guessed: ${how}` }
  return { masterKey }
}

const how = 'create one with countersign server keys generate-master'

/**
 * Creates the finder for agents' certificates under the configured roots; undefined if none are configured.
 *
 * @throws ConfigurationError naming each file that cannot be read or contains no certificates, or the package to install
 */
export async function readCertificates({
  file,
  settings,
}: Pick<ReadConfig, 'file' | 'settings'>): Promise<CertificateFinder | undefined> {
  const { certificateRoots, allowInsecureLoopback, allowNetworks, egressProxy, discovery } = settings
  if (!certificateRoots) return undefined
  const { createCertificateFinder } = await loadFinder(file)
  const problems: ConfigurationProblem[] = []
  const texts: string[] = []
  for (const [index, path] of certificateRoots.entries()) {
    const read = await readRoots(path, createCertificateFinder)
    if ('problem' in read) problems.push({ setting: `certificateRoots[${index}]`, problem: read.problem })
    else texts.push(read.text)
  }
  const [first, ...more] = texts
  if (first === undefined || problems.length > 0) throw new ConfigurationError(file, problems)
  const { failureAge: _, ...limits } = discovery
  return createCertificateFinder({
    roots: [first, ...more],
    allowInsecureLoopback,
    allowNetworks,
    egressProxy,
    ...limits,
  })
}

type CreateFinder = Awaited<ReturnType<typeof loadFinder>>['createCertificateFinder']

/** Loaded only if root certificates are configured. */
async function loadFinder(file: string) {
  try {
    return await import('countersign/x509')
  } catch (error) {
    if (!(error instanceof MissingPackageError)) throw error
    throw new ConfigurationError(file, [{ setting: 'certificateRoots', problem: error.message }])
  }
}

async function readRoots(
  path: string,
  createCertificateFinder: CreateFinder,
): Promise<{ text: string } | { problem: string }> {
  try {
    const text = await readFile(path, 'utf8')
    createCertificateFinder({ roots: [text] })
    return { text }
  } catch (error) {
    if (error instanceof TypeError)
      return { problem: `contains no PEM certificates, or also contains something else: ${path}` }
    if (!(error instanceof Error && 'code' in error)) throw error
    return {
      problem:
        error.code === 'ENOENT'
          ? `names a file that does not exist: ${path}`
          : `cannot be read (${String(error.code)}): ${path}`,
    }
  }
}
