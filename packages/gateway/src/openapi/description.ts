import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Reads a description in YAML or JSON, which is YAML, too. @throws Error of the file or of its text */
export async function readDescription(file: string): Promise<unknown> {
  // `<<` is of YAML 1.1, but in use. Aliases of aliases could be more than memory holds.
  return parse(await readFile(file, 'utf8'), { maxAliasCount: 100, merge: true }) as unknown
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function membersOf(value: unknown): [name: string, value: unknown][] {
  return isObject(value) ? Object.entries(value) : []
}

/** A path's operations, with those of the same document that it refers to. */
export function resolvedItem(document: Record<string, unknown>, value: unknown): Record<string, unknown> | undefined {
  const referred = resolved(document, value)
  return referred && isObject(value) ? { ...referred, ...value } : referred
}

/** An object, or the one of the same document that it refers to; undefined where there is none. */
export function resolved(document: Record<string, unknown>, value: unknown): Record<string, unknown> | undefined {
  let found = value
  for (let steps = 0; steps < 10 && isObject(found); steps++) {
    const { $ref: reference } = found
    if (reference === undefined) return found
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined
    found = reference
      .slice(2)
      .split('/')
      .map((part) => decodePointer(part))
      .reduce<unknown>((at, part) => (isObject(at) && Object.hasOwn(at, part) ? at[part] : undefined), document)
  }
  return undefined
}

function decodePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The path of the first server, which is in front of all paths, and what a person should know of it. */
interface ServerPath {
  path: string
  notes: string[]
}

/** @param servers of a description, a path or an operation */
export function serverPath(servers: unknown): ServerPath {
  const [first, ...others] = (Array.isArray(servers) ? servers : []).map(pathOf)
  if (!first) return { path: '', notes: [] }
  const different = [...new Set(others.map(({ path }) => path).filter((path) => path !== first.path))]
  const left = different.map(
    (path) => `The server with the path ${path || '/'} is left out: the first one has ${first.path || '/'}.`,
  )
  return { path: first.path, notes: [...first.notes, ...left] }
}

function pathOf(server: unknown): ServerPath {
  const { url = '/', variables } = isObject(server) ? server : {}
  const template = typeof url === 'string' ? url : '/'
  const filled = template.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = isObject(variables) ? variables[name] : undefined
    return isObject(variable) && typeof variable.default === 'string' ? variable.default : whole
  })
  if (filled.includes('{') || !URL.canParse(filled, 'https://api.example'))
    return { path: '', notes: [`The server ${template} has no path that can be read: put it in front of the routes.`] }
  const path = new URL(filled, 'https://api.example').pathname.replace(/\/+$/, '')
  const isFilled = filled !== template
  return { path, notes: isFilled ? [`The server ${template} was taken with its defaults: ${filled}.`] : [] }
}

/**
 * The path of a description as a route has it: without a query, encoded as it is sent, and with one parameter in a segment. A route for
 * `/files/{a}-{b}` is one for `/files/{a}`: it holds for more than was described, and never for less.
 */
export function writtenPath(described: string): string {
  const parts = described.replace(/[?#].*$/s, '').split('/')
  return parts.map((part, at) => (part === '*' && at === parts.length - 1 ? part : writtenSegment(part))).join('/')
}

function writtenSegment(part: string): string {
  const [first, ...others] = part.match(/\{[^{}]*\}/g) ?? []
  if (first === undefined) return encoded(part)
  const last = others.at(-1) ?? first
  const after = part.slice(part.lastIndexOf(last) + last.length)
  return `${encoded(part.slice(0, part.indexOf(first)))}${first}${encoded(after)}`
}

function encoded(text: string): string {
  return decoded(text).replaceAll(/[^\w\-.~!$&'()+,=:@]+/g, percentEncoded)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

/** All bytes of a text in UTF-8, encoded as in URLs. */
export function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
