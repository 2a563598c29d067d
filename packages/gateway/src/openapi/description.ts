import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Reads an OpenAPI document in YAML or JSON. @throws Error if the file cannot be read or parsed */
export async function readDescription(file: string): Promise<unknown> {
  // `<<` comes from YAML 1.1, but is common. Nested aliases could exhaust the memory.
  return parse(await readFile(file, 'utf8'), { maxAliasCount: 100, merge: true }) as unknown
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function membersOf(value: unknown): [name: string, value: unknown][] {
  return isObject(value) ? Object.entries(value) : []
}

/** A path's operations, including those it references in the same document. */
export function resolvedItem(document: Record<string, unknown>, value: unknown): Record<string, unknown> | undefined {
  const referred = resolved(document, value)
  return referred && isObject(value) ? { ...referred, ...value } : referred
}

/** Returns an object, or the object that it references in the same document; undefined if there is none. */
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

/** The path of the first server, which is the prefix of all paths, and notes for the operator. */
interface ServerPath {
  path: string
  notes: string[]
}

/** @param servers the `servers` member of a document, path or operation */
export function serverPath(servers: unknown): ServerPath {
  const [first, ...others] = (Array.isArray(servers) ? servers : []).map(pathOf)
  if (!first) return { path: '', notes: [] }
  const different = [...new Set(others.map(({ path }) => path).filter((path) => path !== first.path))]
  const left = different.map(
    (path) =>
      `The server with the path ${path || '/'} is skipped, because the first server has the path ${first.path || '/'}.`,
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
    return { path: '', notes: [`The server ${template} has no valid path: prefix the routes with its actual path.`] }
  const path = new URL(filled, 'https://api.example').pathname.replace(/\/+$/, '')
  const isFilled = filled !== template
  return { path, notes: isFilled ? [`The server ${template} is used with its default values: ${filled}.`] : [] }
}

/**
 * Converts a path in an OpenAPI document to a route's path: without a query, percent-encoded, and with one parameter per segment.
 * `/files/{a}-{b}` becomes `/files/{a}`: the route covers at least the described paths.
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

/** Percent-encodes all bytes of a string in UTF-8. */
function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** The security requirements of an operation. */
export interface Secured {
  /** Whether nothing is required. */
  isOpen: boolean
  /** Scopes with their descriptions. */
  scopes: ReadonlyMap<string, string>
  /** Whether the scope is derived from the path, because the document specifies no scopes. */
  isMade: boolean
  /** Notes for the operator. */
  notes: string[]
}

interface Asked {
  isRead: boolean
  path: string
}

/** The first alternative in an operation's security requirements, or else in the document's. */
export function securityOf(
  document: Record<string, unknown>,
  operation: Record<string, unknown>,
  { isRead, path }: Asked,
): Secured {
  const alternatives = operation.security ?? document.security
  const isOpen = Array.isArray(alternatives) && (alternatives.length === 0 || alternatives.some(isEmpty))
  if (isOpen) return { isOpen, scopes: new Map(), isMade: false, notes: [] }
  const first: unknown = Array.isArray(alternatives) ? alternatives[0] : undefined
  const named = membersOf(first).flatMap(([, names]) => (Array.isArray(names) ? names : []))
  if (named.length === 0) return { isOpen, scopes: new Map([made(path, isRead)]), isMade: true, notes: [] }
  const described = descriptionsIn(document)
  const scopes = named.map((given): [string, string] => {
    const name = String(given)
    return [scopeOf(name), described.get(name) ?? name]
  })
  const renamed = named.map(String).filter((name) => scopeOf(name) !== name)
  const notes = renamed.map(
    (name) => `The scope "${name}" is written as ${scopeOf(name)}: tokens cannot contain its original name.`,
  )
  return { isOpen, scopes: new Map(scopes), isMade: false, notes }
}

/**
 * Encodes a scope so that tokens can contain it. All characters are preserved, encoded if necessary, so that two different scopes never
 * become identical.
 */
function scopeOf(name: string): string {
  return name.replaceAll(/[^\x21\x23-\x5b\x5d-\x7e]+/g, percentEncoded)
}

function isEmpty(alternative: unknown): boolean {
  return isObject(alternative) && Object.keys(alternative).length === 0
}

/** A scope derived from a path, such as `orders.read` for `/v1/orders/{id}`. */
function made(path: string, isRead: boolean): [string, string] {
  const words = path.split('/').filter((part) => /^[A-Za-z][\w-]*$/.test(part) && !/^(?:api|v\d+)$/i.test(part))
  const subject = words[0] ?? 'api'
  const plain = subject.replaceAll(/[-_]+/g, ' ')
  return isRead
    ? [`${subject}.read`, `See your ${plain}`]
    : [`${subject}.write`, `Create, change and delete your ${plain}`]
}

/** The scope descriptions of the OAuth security schemes. */
function descriptionsIn(document: Record<string, unknown>): ReadonlyMap<string, string> {
  const components = resolved(document, document.components)
  const schemes = membersOf(components?.securitySchemes).map(([, scheme]) => resolved(document, scheme))
  const scopes = schemes.flatMap((scheme) =>
    membersOf(scheme?.flows).flatMap(([, flow]) => (isObject(flow) ? membersOf(flow.scopes) : [])),
  )
  return new Map(scopes.flatMap(([name, text]) => (typeof text === 'string' && text !== '' ? [[name, text]] : [])))
}
