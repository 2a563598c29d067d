import { readFile } from 'node:fs/promises'
import { MissingPackageError } from 'countersign/node'
import { type CertificateFinder, ConfigurationError, type ConfigurationProblem } from 'countersign/wire'
import type { LoadedConfig } from './load-config.js'

/**
 * The finder of agents' certificates under the configured roots; undefined where none are configured.
 *
 * @throws ConfigurationError naming each file that cannot be read or holds no certificates, or what is to be installed
 */
export async function readCertificates({
  file,
  settings,
}: Pick<LoadedConfig, 'file' | 'settings'>): Promise<CertificateFinder | undefined> {
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

/** Loaded by servers that have roots only. */
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
    if (error instanceof TypeError) return { problem: `holds no PEM certificates, or something else too: ${path}` }
    if (!(error instanceof Error && 'code' in error)) throw error
    return {
      problem: error.code === 'ENOENT' ? `there is no file ${path}` : `cannot be read (${String(error.code)}): ${path}`,
    }
  }
}
