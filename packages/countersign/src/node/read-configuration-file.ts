import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '../settings/configuration-error.js'
import { repeatedMembers } from './repeated-members.js'

type Reader = (path: string) => Promise<unknown>

const importDefault: Reader = async (path) =>
  ((await import(pathToFileURL(path).href)) as { default?: unknown }).default

const readers: Readonly<Record<string, Reader>> = {
  '.json': async (path) => {
    const text = await readFile(path, 'utf8')
    const content = JSON.parse(text) as unknown
    const repeated = repeatedMembers(text).map((setting) => ({ setting, problem: 'is there twice: keep one' }))
    if (repeated.length > 0) throw new ConfigurationError(path, repeated)
    return content
  },
  '.js': importDefault,
  '.mjs': importDefault,
  '.ts': importDefault,
  '.mts': importDefault,
}

/** What a configuration file holds: its JSON, or the default export of a module. @throws ConfigurationError */
export async function readConfigurationFile(path: string): Promise<object> {
  const refuse = (problem: string, cause?: unknown) =>
    new ConfigurationError(path, [{ setting: 'the file', problem }], cause)
  const read = readers[extname(path)]
  if (!read) throw refuse(`must end in ${Object.keys(readers).join(', ')}`)
  let content: unknown
  try {
    content = await read(path)
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause
    throw refuse(problemOf(cause), cause)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw refuse(extname(path) === '.json' ? 'must hold an object' : 'must export an object as default')
  }
  return content
}

function problemOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return `Node ${process.versions.node} does not read TypeScript: use Node 22.18 or later, or write it as .json or .mjs`
  return `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
}
