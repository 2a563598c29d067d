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
export const nodeResponse = Symbol('Node response')

/**
 * The Node response that will carry the response to a message; undefined if the message was not passed on by a listener for Node.
 */
export function nodeResponseOf(received: object): HeadWriter | undefined {
  const { [nodeResponse]: response }: { [nodeResponse]?: HeadWriter } = received
  return response
}

/** Computes header values by lower-case name: each rule maps the existing value, which is empty if unset, to the new one. */
type HeaderRules = ReadonlyMap<string, (existing: string) => string>

const signedRules: HeaderRules = new Map([
  ['cache-control', privateCacheControl],
  ['vary', varyBySigner],
])

/** Keeps the response to a signed request out of shared caches, whatever headers the handler sets before or while it writes the head. */
export function keepPrivate(writer: HeadWriter): void {
  // A `writeHead` of the response's own was set by middleware, such as on-headers, which may change headers when it is called.
  if (Object.hasOwn(writer, 'writeHead')) keepPrivateBy(signedRules, writer)
  else writer.writeHead = writePrivateHead
}

/** Like {@link keepPrivate} with other rules, which are evaluated when the head is written. */
export function keepPrivateBy(rules: HeaderRules, writer: HeadWriter): void {
  const writeHead = writer.writeHead.bind(writer)
  writer.writeHead = (status, ...args) => {
    const rest = applyRules(rules, writer, args)
    return withProtectedHeaders(rules, writer, () => writeHead(status, ...rest))
  }
}

/** Shared by all responses: a separate function for each would give each response object its own hidden class. */
function writePrivateHead(this: HeadWriter, status: number, ...args: unknown[]): unknown {
  const prototype: HeadWriter = Object.getPrototypeOf(this)
  return prototype.writeHead.call(this, status, ...applyRules(signedRules, this, args))
}

/** Sets the headers passed to `writeHead`, then applies the rules to all headers. Returns the arguments other than the headers. */
function applyRules(rules: HeaderRules, writer: HeadWriter, args: unknown[]): unknown[] {
  const passed = args.find((arg) => typeof arg === 'object' && arg !== null)
  if (passed) for (const [name, value] of headerPairs(passed)) writer.setHeader(name, value)
  for (const [name, rule] of rules) writer.setHeader(name, rule(headerText(writer.getHeader(name))))
  for (const name of writer.getHeaderNames()) if (isTargeted(name)) writer.removeHeader(name)
  return args.filter((arg) => typeof arg === 'string')
}

/** The headers passed to `writeHead`: an object, a list of pairs, or an alternating list of names and values, in which names may repeat. */
function headerPairs(headers: object): Iterable<[name: string, value: unknown]> {
  if (!Array.isArray(headers)) return Object.entries(headers)
  const lines: unknown[] = headers.every((line) => Array.isArray(line)) ? headers.flat() : headers
  const pairs = new Map<string, [name: string, value: unknown]>()
  for (let i = 0; i < lines.length; i += 2) {
    const name = String(lines[i])
    const earlier = pairs.get(name.toLowerCase())
    if (earlier) earlier[1] = [earlier[1], lines[i + 1]].flat()
    else pairs.set(name.toLowerCase(), [name, lines[i + 1]])
  }
  return pairs.values()
}

function headerText(value: string | number | string[] | undefined): string {
  if (value === undefined) return ''
  return Array.isArray(value) ? value.join(', ') : String(value)
}

/**
 * Writes the head while changes to the headers of the rules are ignored. Middleware that ran before `aauth` and wrapped `writeHead`, as
 * on-headers does, changes headers only now.
 */
function withProtectedHeaders<T>(rules: HeaderRules, writer: HeadWriter, write: () => T): T {
  const original = {
    setHeader: writer.setHeader.bind(writer),
    appendHeader: writer.appendHeader.bind(writer),
    removeHeader: writer.removeHeader.bind(writer),
  }
  const isProtected = (name: unknown) => rules.has(String(name).toLowerCase()) || isTargeted(String(name))
  writer.setHeader = (name, value) => (isProtected(name) ? writer : original.setHeader(name, value))
  writer.appendHeader = (name, value) => (isProtected(name) ? writer : original.appendHeader(name, value))
  writer.removeHeader = (name) => (isProtected(name) ? undefined : original.removeHeader(name))
  try {
    return write()
  } finally {
    Object.assign(writer, original)
  }
}

/** Does the same as {@link keepPrivate} for a response whose headers are complete. @throws TypeError if they are immutable */
export function setPrivate(headers: Headers): void {
  for (const [name, rule] of signedRules) headers.set(name, rule(headers.get(name) ?? ''))
  removeTargeted(headers)
}

/** `Cache-Control` for a response that is intended for one recipient only and must not be stored. */
export const noStore = 'private, no-store'

/**
 * `Cache-Control` for a response to a signed request: the existing value if it already prevents shared caching, otherwise `private,
 * no-store`. Signed requests have no `Authorization` header, which would prevent shared caching (RFC 9111 §3.5).
 */
export function privateCacheControl(existing: string): string {
  return isPrivate(existing) ? existing : noStore
}

// Neither `private="field"`, which lets shared caches store the rest (RFC 9111 §5.2.2.7), nor words inside quotes count. Nor does
// `no-store` together with `must-understand`: caches that understand the latter ignore `no-store` (RFC 9111 §5.2.2.3).
function isPrivate(cacheControl: string): boolean {
  const unquoted = cacheControl.replaceAll(/"(?:[^"\\]|\\.)*"/g, '~')
  if (unquoted.includes('"')) return false
  const directives = unquoted.split(',').map((directive) => directive.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
  if (directives.includes('private')) return true
  return directives.includes('no-store') && !directives.some((directive) => /^must-understand\b/.test(directive))
}

/** `Vary` for a response to a signed request: the response depends on the signer. */
export function varyBySigner(existing: string): string {
  const names = existing.split(',').map((name) => name.trim())
  if (names.includes('*') || names.some((name) => name.toLowerCase() === 'signature-key')) return existing
  return [...names.filter((name) => name !== ''), 'Signature-Key'].join(', ')
}

/** Removes the headers that target particular caches, so that all of them follow `Cache-Control`. */
export function removeTargeted(headers: Headers): void {
  const names = [...headers.keys()].filter(isTargeted)
  for (const name of names) headers.delete(name)
}

const targeted =
  /^(?:(?:.+-)?cdn-cache-control|surrogate-control|edge-control|x-accel-expires|x-litespeed-.+|x-reverse-proxy-ttl)$/i

/**
 * Whether a header targets particular caches, which then ignore `Cache-Control`: `CDN-Cache-Control` (RFC 9213), a vendor's variant such as
 * `Cloudflare-CDN-Cache-Control`, or an older one such as `Edge-Control` (Akamai), `Surrogate-Control` (Fastly, Varnish, Squid),
 * `X-LiteSpeed-Cache-Control` and `X-Accel-Expires` (nginx). Its value does not matter: Varnish and Squid store a response with
 * `Surrogate-Control: private`.
 */
export function isTargeted(name: string): boolean {
  return targeted.test(name)
}
