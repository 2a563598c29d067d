/** The part of a Node response that every way of responding uses. */
export interface HeadWriter {
  writeHead(status: number, ...rest: unknown[]): unknown
  getHeader(name: string): string | number | string[] | undefined
  getHeaderNames(): string[]
  setHeader(name: string, value: unknown): unknown
  appendHeader(name: string, value: unknown): unknown
  removeHeader(name: string): unknown
}

/** The key of a property on the message that is passed to a handler: the Node response that will carry the handler's response. */
export const nodeResponse = Symbol('answered by')

/** Header rules by lower-case name: each maps the previous value, which is empty if unset, to the new value. */
type FieldRules = ReadonlyMap<string, (set: string) => string>

const signedRules: FieldRules = new Map([
  ['cache-control', privateCacheControl],
  ['vary', varyBySigner],
])

/** Keeps the response to a signed request out of shared caches, whatever headers the handler sets before or while it writes the head. */
export function keepPrivate(writer: HeadWriter): void {
  if (Object.hasOwn(writer, 'writeHead')) keepPrivateBy(signedRules, writer)
  else writer.writeHead = writePrivateHead
}

/** Does the same with the headers of a response that are complete. @throws TypeError if they are immutable */
export function setPrivate(headers: Headers): void {
  for (const [name, rule] of signedRules) headers.set(name, rule(headers.get(name) ?? ''))
  removeTargeted(headers)
}

/** Like {@link keepPrivate} with other rules, which are evaluated when the head is written. */
export function keepPrivateBy(rules: FieldRules, writer: HeadWriter): void {
  const writeHead = writer.writeHead.bind(writer)
  writer.writeHead = (status, ...given) => {
    const rest = setPrivateFields(rules, writer, given)
    return keepFields(rules, writer, () => writeHead(status, ...rest))
  }
}

/** Shared by all responses: a separate function for each would give each response object its own hidden class. */
function writePrivateHead(this: HeadWriter, status: number, ...given: unknown[]): unknown {
  const shared: HeadWriter = Object.getPrototypeOf(this)
  return shared.writeHead.call(this, status, ...setPrivateFields(signedRules, this, given))
}

/** Sets the fields passed to `writeHead`, then applies the rules. Returns the remaining arguments. */
function setPrivateFields(rules: FieldRules, writer: HeadWriter, given: unknown[]): unknown[] {
  const fields = given.find((part) => typeof part === 'object' && part !== null)
  if (fields) for (const [name, value] of fieldsOf(fields)) writer.setHeader(name, value)
  for (const [name, rule] of rules) writer.setHeader(name, rule(textOf(writer.getHeader(name))))
  for (const name of writer.getHeaderNames()) if (isTargeted(name)) writer.removeHeader(name)
  return given.filter((part) => typeof part === 'string')
}

function textOf(value: string | number | string[] | undefined): string {
  if (value === undefined) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

// Middleware that runs before `aauth` and wraps `writeHead` itself, as on-headers does, sets its headers after this.
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

/** The fields passed to `writeHead`: an object, a list of pairs, or an alternating list of names and values, in which names may repeat. */
function fieldsOf(headers: object): Iterable<[name: string, value: unknown]> {
  if (!Array.isArray(headers)) return Object.entries(headers)
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

/** `Cache-Control` for a response that is intended for one recipient only and must not be stored. */
export const noStore = 'private, no-store'
const signatureKey = 'Signature-Key'
const targeted =
  /^(?:(?:.+-)?cdn-cache-control|surrogate-control|edge-control|x-accel-expires|x-litespeed-.+|x-reverse-proxy-ttl)$/i

/**
 * `Cache-Control` for a response to a signed request: the existing value if it already prevents shared caching, otherwise `private,
 * no-store`. Signed requests have no `Authorization` header, which would prevent shared caching (RFC 9111 §3.5).
 */
export function privateCacheControl(set: string): string {
  return isPrivate(set) ? set : noStore
}

/** `Vary` for a response to a signed request: the response depends on the signer. */
export function varyBySigner(set: string): string {
  const names = set.split(',').map((name) => name.trim())
  if (names.includes('*') || names.some((name) => name.toLowerCase() === signatureKey.toLowerCase())) return set
  return [...names.filter((name) => name !== ''), signatureKey].join(', ')
}

/**
 * Whether a field targets particular caches, which then ignore `Cache-Control`: `CDN-Cache-Control` (RFC 9213), a vendor's variant such as
 * `Cloudflare-CDN-Cache-Control`, or an older one such as `Edge-Control` (Akamai), `Surrogate-Control` (Fastly, Varnish, Squid),
 * `X-LiteSpeed-Cache-Control` and `X-Accel-Expires` (nginx). Its value does not matter: Varnish and Squid store a response with
 * `Surrogate-Control: private`.
 */
export function isTargeted(name: string): boolean {
  return targeted.test(name)
}

/** Removes the fields that target particular caches, so that all of them follow `Cache-Control`. */
export function removeTargeted(headers: Headers): void {
  const names = [...headers.keys()].filter(isTargeted)
  for (const name of names) headers.delete(name)
}

// Neither `private="field"`, which lets shared caches store the rest (RFC 9111 §5.2.2.7), nor words inside quotes count. Nor does
// `no-store` together with `must-understand`: caches that understand the latter ignore `no-store` (RFC 9111 §5.2.2.3).
function isPrivate(set: string): boolean {
  const unquoted = set.replaceAll(/"(?:[^"\\]|\\.)*"/g, '~')
  if (unquoted.includes('"')) return false
  const directives = unquoted.split(',').map((directive) => directive.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
  if (directives.includes('private')) return true
  return directives.includes('no-store') && !directives.some((directive) => /^must-understand\b/.test(directive))
}
