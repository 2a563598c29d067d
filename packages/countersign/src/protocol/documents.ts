import type { JoseRules } from '../lib/algorithms.js'
import { jsonResponse } from '../lib/encodings.js'

/** Which identifiers are accepted. */
export interface IdentifierOptions {
  /**
   * Accepts `http` with an explicit port on exactly the hosts `127.0.0.1`, `[::1]` and `localhost`. For development only: any program on
   * the machine can listen there. @default false
   */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts a path, as in `https://host/~agent`. Pages then show the host and the path. @default false */
  allowPath?: boolean | undefined
}

const maxLength = 512
const host = /^(?=.{1,253}(?:[:/]|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/
const port = /^:([1-9]\d{0,4})$/
const loopback = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost):([1-9]\d{0,4})$/
const segment = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]+$/

/**
 * Whether the text is an identifier of an agent, resource or auth server (W10): `https`, a lower-case A-label host, no user-info, query,
 * fragment, default port, trailing slash or dot. Checks the raw text, because URL parsing hides differences. Two identifiers are equal only
 * if their strings are equal.
 */
export function isIdentifier(text: unknown, options: IdentifierOptions = {}): text is string {
  if (typeof text !== 'string' || text.length > maxLength) return false
  if (options.allowInsecureLoopback) {
    const insecure = loopback.exec(text)
    if (insecure) return Number(insecure[1]) <= 65535
  }
  if (!text.startsWith('https://')) return false
  const [authority = '', ...segments] = text.slice(8).split('/')
  if (segments.length > 0 && !options.allowPath) return false
  if (!segments.every((part) => segment.test(part) && !/^\.{1,2}$/.test(part))) return false
  const colon = authority.indexOf(':')
  const name = colon === -1 ? authority : authority.slice(0, colon)
  if (!isHost(name)) return false
  if (colon === -1) return true
  const digits = port.exec(authority.slice(colon))?.[1]
  return digits !== undefined && Number(digits) <= 65535 && digits !== '443'
}

/** Throws a TypeError that names the option if a configured value is not an identifier. */
export function requireIdentifier(option: string, text: string, options: IdentifierOptions): void {
  if (isIdentifier(text, options)) return
  const repair = identifierRepair(text, options)
  if (repair !== undefined) throw new TypeError(`${option} is not a valid identifier: ${repair}`)
  const hint = isLoopbackIdentifier(text)
    ? 'set allowInsecureLoopback to allow http on loopback'
    : isIdentifier(text, { ...options, allowPath: true })
      ? 'set allowPath to allow a path'
      : 'it must be https:// and a lower-case domain name with a dot'
  throw new TypeError(`${option} is not a valid identifier (${hint}): ${String(text)}`)
}

/** The most common mistakes, and the corrected text. */
const slips: readonly [advice: string, repair: (text: string) => string][] = [
  ['remove the trailing slash', (text) => text.replace(/\/+$/, '')],
  ['write it in lower case', (text) => text.toLowerCase()],
  ['remove the default port', (text) => text.replace(/^(https:\/\/[^/]+):443(?=\/|$)/, '$1')],
  ['add https:// in front', (text) => `https://${text}`],
  ['use https instead of http', (text) => text.replace(/^http:/, 'https:')],
  ['remove the question mark or hash sign and everything after it', (text) => text.replace(/\/?[?#].*$/s, '')],
  ['add a port, such as', (text) => text.replace(/^http:\/\/[^/:]+(?=\/?$)/, '$&:8001').replace(/\/$/, '')],
]

/** How to fix a string that is almost an identifier, and the corrected string. Undefined if there is no simple fix. */
export function identifierRepair(text: unknown, options: IdentifierOptions): string | undefined {
  if (typeof text !== 'string') return undefined
  const slip = slips.find(([, repair]) => repair(text) !== text && isIdentifier(repair(text), options))
  return slip && `${slip[0]} (${slip[1](text)})`
}

/** What is wrong with a string that is not an identifier, as text that follows a subject: "the id …". */
export function identifierProblem(text: unknown, options: IdentifierOptions): string {
  return isIdentifier(text, { ...options, allowPath: true })
    ? 'has a path, which is not accepted in identifiers here'
    : 'is not an accepted identifier (https://host)'
}

/** Whether a string is an `http` identifier on loopback. */
export function isLoopbackIdentifier(text: string): boolean {
  return loopback.test(text)
}

function isHost(name: string): boolean {
  if (!host.test(name) || isNumeric(name.slice(name.lastIndexOf('.') + 1))) return false
  return !name.includes('xn--') || isALabelHost(name)
}

// URL parsers treat a host whose last label is a number as an IPv4 address, in any notation.
function isNumeric(label: string): boolean {
  return /^(?:\d+|0x[0-9a-f]*)$/.test(label)
}

// Only some URL parsers accept an A-label that decodes to nothing or is not the canonical encoding.
function isALabelHost(name: string): boolean {
  // Prepends a non-ASCII label: newer parsers validate A-labels only in that case.
  const url = `https://\u00e9.${name}`
  return URL.canParse(url) && new URL(url).host === `xn--9ca.${name}`
}

/** Whether a URL is within an identifier. */
export function isUnder(url: string, identifier: string): boolean {
  return url === identifier || (url.startsWith(identifier) && '/?#'.includes(url.charAt(identifier.length)))
}

/** The member that all editions' documents have: the URL at which a party publishes its keys, if it has any. */
export interface PublishedDocument {
  jwks_uri?: string
}

/** A published document, including any other members. */
export type OwnDocument = Required<PublishedDocument> & { readonly [member: string]: unknown }

type MemberKind = 'identifier' | 'url' | 'string' | 'strings' | 'texts' | 'boolean'

/** The type of a document that a party publishes at `{identifier}/.well-known/{name}`, as defined by an edition. */
export interface DocumentType<M extends PublishedDocument = PublishedDocument> {
  readonly name: string
  /** How the keys that the party publishes name their algorithm. */
  readonly jose: JoseRules
  /** The party that publishes the document. The document of an auth server that the operator configured may be at any address (W28). */
  readonly party: 'agent' | 'resource' | 'authServer'
  /** The member that contains the document's own identifier (W10). */
  readonly self: string
  /** Optional members of the wrong type are ignored instead of rejected, because no decision depends on them. */
  readonly members: Readonly<Record<keyof M & string, MemberKind>>
  readonly required: readonly string[]
  /** The flags with which `countersign discover` fetches the document, after a space. @default none */
  readonly discoverFlags?: string
  /** Why a document is rejected although its members are valid. */
  refusal?(metadata: PublishedDocument, identifier: string, options: DocumentOptions): string | undefined
}

/** How documents are validated. */
export interface DocumentOptions extends IdentifierOptions {
  /** Other origins that may serve a party's keys, in editions that restrict this. @default none */
  endpointOrigins?: EndpointOrigins | undefined
}

/** The URL of a document: `{identifier}/.well-known/{name}`. */
export function documentUrl(type: DocumentType, identifier: string): string {
  return `${identifier}/.well-known/${type.name}`
}

/**
 * Validates a fetched document, or returns why it is rejected. The document must contain its own identifier, so a copy on another host is
 * rejected.
 */
export function parseDocument<M extends PublishedDocument>(
  type: DocumentType<M>,
  identifier: string,
  document: unknown,
  options: DocumentOptions = {},
): { metadata: M } | { refusal: string; self?: 'missing' | 'mismatch' | undefined } {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return { refusal: 'it is not a JSON object' }
  const given = document as Readonly<Record<string, unknown>>
  const metadata: Record<string, unknown> = {}
  for (const [member, kind] of Object.entries<MemberKind>(type.members)) {
    if (Object.hasOwn(given, member) && memberKinds[kind](given[member], options)) metadata[member] = given[member]
  }
  const missing = type.required.filter((member) => !(member in metadata))
  if (missing.length > 0) {
    const self = type.self in document ? undefined : 'missing'
    return { refusal: `it has no valid ${missing.join(' or ')}`, self }
  }
  if (metadata[type.self] !== identifier) {
    return { refusal: `its ${type.self} is not the identifier it was fetched for`, self: 'mismatch' }
  }
  const refusal = type.refusal?.(metadata as object as M, identifier, options)
  return refusal ? { refusal } : { metadata: metadata as object as M }
}

const memberKinds: Readonly<Record<MemberKind, (value: unknown, options: IdentifierOptions) => boolean>> = {
  identifier: isIdentifier,
  url: isFetchableUrl,
  string: (value) => typeof value === 'string' && value.length <= 2048,
  strings: (value) =>
    Array.isArray(value) &&
    value.length <= 256 &&
    value.every((item) => typeof item === 'string' && item.length <= 2048),
  texts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string'),
  boolean: (value) => typeof value === 'boolean',
}

/** Whether a URL from a document may be fetched: it must have the form of an identifier, but may have any path and query. */
export function isFetchableUrl(value: unknown, options: IdentifierOptions = {}): value is string {
  if (typeof value !== 'string' || value.length > 2048 || !/^[\x21-\x7e]+$/.test(value)) return false
  const [, origin, rest = ''] = /^(https?:\/\/[^/?#\\]*)(.*)$/.exec(value) ?? []
  if (!isIdentifier(origin, { ...options, allowPath: false })) return false
  return !rest.includes('#') && URL.canParse(value) && new URL(value).href === (rest === '' ? `${value}/` : value)
}

/** A public response with a document or keys, cacheable for five minutes. */
export function documentResponse(document: object): Response {
  return jsonResponse(200, document, { 'cache-control': 'public, max-age=300' })
}

/**
 * Other origins that may serve a party's endpoints, by the party's identifier, as in `{ 'https://auth.example': ['https://login.example']
 * }`.
 */
export type EndpointOrigins = Readonly<Record<string, readonly string[]>>

/**
 * Why an endpoint in an identifier's document must not be used; undefined if it may be used. An endpoint on another origin could belong to
 * anyone, and users type their passwords there. The operator of the agent or resource must therefore list that origin.
 *
 * @param member the name of the endpoint in the document
 */
export function endpointProblem(
  identifier: string,
  member: string,
  url: string,
  endpointOrigins: EndpointOrigins = {},
): string | undefined {
  const { origin } = new URL(url)
  const own = new URL(identifier).origin
  if (origin === own) return undefined
  if (Object.hasOwn(endpointOrigins, identifier) && endpointOrigins[identifier]?.includes(origin)) return undefined
  const setting = `endpointOrigins: { '${identifier}': ['${origin}'] }`
  return `its ${member} is at ${origin} instead of ${own}; if that is intended, set ${setting}`
}

/**
 * Validates the `endpointOrigins` option; throws a TypeError with the reason if it is invalid.
 *
 * @param isUsed returns whether an identifier's endpoints are used at all
 */
export function requireEndpointOrigins(
  endpointOrigins: EndpointOrigins,
  identifiers: IdentifierOptions,
  isUsed: (identifier: string) => boolean,
): void {
  for (const [identifier, origins] of Object.entries(endpointOrigins)) {
    requireIdentifier('a key of endpointOrigins', identifier, identifiers)
    if (!isUsed(identifier))
      throw new TypeError(`endpointOrigins contains ${identifier}, which is not a configured auth server`)
    const at = `endpointOrigins['${identifier}']`
    if (!Array.isArray(origins)) throw new TypeError(`${at} must be a list, such as ['https://login.example']`)
    for (const origin of origins as readonly unknown[]) {
      if (isIdentifier(origin, { ...identifiers, allowPath: false })) continue
      throw new TypeError(`${at} must contain origins such as https://login.example, not ${String(origin)}`)
    }
  }
}
