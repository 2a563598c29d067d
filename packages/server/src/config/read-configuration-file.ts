import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigurationError } from './configuration-error.js'
import { importTypeScript } from './import-type-script.js'

type Reader = (path: string) => Promise<unknown>

const defaultOf = (module: unknown) => (module as { default?: unknown }).default
const importModule: Reader = async (path) => defaultOf(await import(pathToFileURL(path).href))

const readers: Readonly<Record<string, Reader>> = {
  '.json': async (path) => JSON.parse(await readFile(path, 'utf8')) as unknown,
  '.js': importModule,
  '.mjs': importModule,
  '.ts': async (path) => defaultOf(await importTypeScript(path)),
  '.mts': async (path) => defaultOf(await importTypeScript(path)),
}

/** What a configuration file holds: its JSON, or the default export of a module. @throws ConfigurationError */
export async function readConfigurationFile(path: string): Promise<object> {
  const refuse = (problem: string, cause?: unknown) =>
    new ConfigurationError(path, [{ setting: 'the file', problem }], cause === undefined ? {} : { cause })
  const read = readers[extname(path)]
  if (!read) throw refuse(`must end in ${Object.keys(readers).join(', ')}`)
  let content: unknown
  try {
    content = await read(path)
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refuse(missing ? 'there is no such file' : `cannot be read: ${reason}`, cause)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw refuse(extname(path) === '.json' ? 'must hold an object' : 'must export an object as default')
  }
  return content
}
