/** A response of Node's servers: what every way to answer comes through. */
export interface HeadWriter {
  writeHead(status: number, ...rest: unknown[]): unknown
  getHeader(name: string): string | number | string[] | undefined
  getHeaderNames(): string[]
  setHeader(name: string, value: unknown): unknown
  appendHeader(name: string, value: unknown): unknown
  removeHeader(name: string): unknown
}

/** Of a message that a handler got: what Node answers it with. */
export const answeredBy = Symbol('answered by')

/** What becomes of some fields, by name in small letters: of what was set before, or an empty text. */
type FieldRules = ReadonlyMap<string, (set: string) => string>

const signedRules: FieldRules = new Map([
  ['cache-control', privateCacheControl],
  ['vary', varyBySigner],
])

/**
 * Keeps the answer to a signed request out of shared caches, whatever the handler sets before its head is written, and with it.
 */
export function keepPrivate(writer: HeadWriter): void {
  if (Object.hasOwn(writer, 'writeHead')) keepPrivateBy(signedRules, writer)
  else writer.writeHead = writePrivateHead
}

/** The same by other rules, which are asked when the head is written. */
export function keepPrivateBy(rules: FieldRules, writer: HeadWriter): void {
  const writeHead = writer.writeHead.bind(writer)
  writer.writeHead = (status, ...given) => {
    const rest = setPrivateFields(rules, writer, given)
    return keepFields(rules, writer, () => writeHead(status, ...rest))
  }
}

/** One for all answers: a function of each would give each a shape of its own. */
function writePrivateHead(this: HeadWriter, status: number, ...given: unknown[]): unknown {
  const shared: HeadWriter = Object.getPrototypeOf(this)
  return shared.writeHead.call(this, status, ...setPrivateFields(signedRules, this, given))
}

/** Sets the fields that `writeHead` was given, then ours; returns what it was given besides. */
function setPrivateFields(rules: FieldRules, writer: HeadWriter, given: unknown[]): unknown[] {
  const fields = given.find((part) => typeof part === 'object' && part !== null)
  if (fields) for (const [name, value] of fieldsOf(fields)) writer.setHeader(name, value)
  for (const [name, rule] of rules) writer.setHeader(name, rule(textOf(writer.getHeader(name))))
  for (const name of writer.getHeaderNames())
    if (isTargeted(name) && !mayTarget(name, textOf(writer.getHeader(name)))) writer.removeHeader(name)
  return given.length === 0 ? given : given.filter((part) => typeof part === 'string')
}

function textOf(value: string | number | string[] | undefined): string {
  if (value === undefined) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

// Middleware in front of `aauth` that wraps `writeHead` itself, as on-headers does, sets its headers after this.
function keepFields<T>(rules: FieldRules, writer: HeadWriter, write: () => T): T {
  const bound = {
    setHeader: writer.setHeader.bind(writer),
    appendHeader: writer.appendHeader.bind(writer),
    removeHeader: writer.removeHeader.bind(writer),
  }
  const isKept = (name: unknown) => rules.has(String(name).toLowerCase()) || isTargeted(String(name))
  writer.setHeader = (name, value) => (isKept(name) ? writer : bound.setHeader(name, value))
  writer.appendHeader = (name, value) => (isKept(name) ? writer : bound.appendHeader(name, value))
  writer.removeHeader = (name) => (isKept(name) ? undefined : bound.removeHeader(name))
  try {
    return write()
  } finally {
    Object.assign(writer, bound)
  }
}

/** What `writeHead` was given: an object, a list of pairs, or a list of names and values in turn, where one may come again. */
function fieldsOf(headers: unknown): Iterable<[name: string, value: unknown]> {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {})
  const lines: unknown[] = headers.every((line) => Array.isArray(line)) ? headers.flat() : headers
  const fields = new Map<string, [name: string, value: unknown]>()
  for (let i = 0; i < lines.length; i += 2) {
    const name = String(lines[i])
    const before = fields.get(name.toLowerCase())
    if (before) before[1] = [before[1], lines[i + 1]].flat()
    else fields.set(name.toLowerCase(), [name, lines[i + 1]])
  }
  return fields.values()
}

/** `Cache-Control` of what is for one alone, and is kept nowhere. */
export const keptNowhere = 'private, no-store'
const signatureKey = 'Signature-Key'
const targeted =
  /^(?:(?:.+-)?cdn-cache-control|surrogate-control|edge-control|x-accel-expires|x-litespeed-.+|x-reverse-proxy-ttl)$/i

/**
 * `Cache-Control` of a response to a signed request: what was set, where no shared cache may keep that either, else
 * `private, no-store`. Signed requests carry no `Authorization`, which would keep shared caches off (RFC 9111 §3.5).
 */
export function privateCacheControl(set: string): string {
  return set !== '' && isPrivate(set) ? set : keptNowhere
}

/** `Vary` of a response to a signed request, which depends on who signed it. */
export function varyBySigner(set: string): string {
  if (set === '') return signatureKey
  const names = set.split(',').map((name) => name.trim())
  if (names.includes('*') || names.some((name) => name.toLowerCase() === signatureKey.toLowerCase())) return set
  return [...names.filter((name) => name !== ''), signatureKey].join(', ')
}

/**
 * Whether a field instructs particular caches, which then ignore `Cache-Control`: `CDN-Cache-Control` (RFC 9213),
 * that of a vendor, such as `Cloudflare-CDN-Cache-Control`, and older ones such as `Edge-Control` (Akamai), `Surrogate-Control` (Fastly),
 * `X-LiteSpeed-Cache-Control` and `X-Accel-Expires` (nginx).
 */
export function isTargeted(name: string): boolean {
  return targeted.test(name)
}

/** Whether such a field of a response to a signed request lets no cache store it. Any other is removed. */
export function mayTarget(name: string, set: string): boolean {
  return name.toLowerCase() === 'x-accel-expires' ? set.trim() === '0' : isPrivate(set)
}

// Not `private="field"`, which lets shared caches keep the rest (RFC 9111 §5.2.2.7), nor words inside of quotes. Nor `no-store`
// beside `must-understand`: caches that know that one ignore it (RFC 9111 §5.2.2.3).
function isPrivate(set: string): boolean {
  const unquoted = set.replaceAll(/"(?:[^"\\]|\\.)*"/g, '~')
  if (unquoted.includes('"')) return false
  const directives = unquoted.split(',').map((directive) => directive.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
  if (directives.includes('private')) return true
  return directives.includes('no-store') && !directives.some((directive) => /^must-understand\b/.test(directive))
}
