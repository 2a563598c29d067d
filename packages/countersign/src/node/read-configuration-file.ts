import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from '../settings/problems.js'
import { systemErrorCode } from './private-files.js'

type Reader = (path: string) => Promise<unknown>

const importDefault: Reader = async (path) =>
  ((await import(pathToFileURL(path).href)) as { default?: unknown }).default

const readers: Readonly<Record<string, Reader>> = {
  '.json': async (path) => {
    const text = await readFile(path, 'utf8')
    const content = JSON.parse(text) as unknown
    const repeated = repeatedMembers(text).map((setting) => ({ setting, problem: 'occurs twice: keep one' }))
    if (repeated.length > 0) throw new ConfigurationError(path, repeated)
    return content
  },
  '.js': importDefault,
  '.mjs': importDefault,
  '.ts': importDefault,
  '.mts': importDefault,
}

/** Reads a configuration file: the JSON, or the default export of a module. @throws ConfigurationError */
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
    throw refuse(extname(path) === '.json' ? 'must contain an object' : 'must have an object as its default export')
  }
  return content
}

function problemOf(cause: unknown): string {
  const code = systemErrorCode(cause)
  if (code === 'ENOENT') return 'does not exist'
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return `Node ${process.versions.node} cannot read TypeScript: use Node 22.18 or later, or convert the file to .json or .mjs`
  return `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
}

interface Level {
  /** Member names of an object; undefined in a list. */
  names: Set<string> | undefined
  /** The name of the current member, or the index in the list. */
  at: string | number
}

/** Duplicate members in a JSON text, each as a path such as `routes[0].path`. Parsers silently keep one of them. */
function repeatedMembers(text: string): string[] {
  const open: Level[] = []
  const found: string[] = []
  let string = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const level = open.at(-1)
    if (token === '{') open.push({ names: new Set(), at: '' })
    else if (token === '[') open.push({ names: undefined, at: 0 })
    else if (token === '}' || token === ']') open.pop()
    else if (token === ',' && typeof level?.at === 'number') level.at += 1
    else if (token === ':' && level?.names) {
      level.at = JSON.parse(string) as string
      if (level.names.has(level.at)) found.push(placeOf(open))
      level.names.add(level.at)
    } else string = token
  }
  return found
}

function placeOf(open: readonly Level[]): string {
  return open
    .map(({ at }) => (typeof at === 'number' ? `[${at}]` : `.${at}`))
    .join('')
    .replace(/^\./, '')
}
