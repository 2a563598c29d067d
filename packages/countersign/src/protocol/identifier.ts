/** How identifiers are judged. */
export interface IdentifierOptions {
  /**
   * Accepts `http` with an explicit port on the hosts `127.0.0.1`, `[::1]` and `localhost`, literally: for development
   * only, any program on the machine can listen there. @default false
   */
  allowInsecureLoopback?: boolean | undefined
  /** Accepts a path, as in `https://host/~agent`. Pages then show host and path. @default false */
  allowPath?: boolean | undefined
}

const maxLength = 512
const host = /^(?=.{1,253}(?:[:/]|$))[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/
const port = /^:([1-9]\d{0,4})$/
const loopback = /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost):([1-9]\d{0,4})$/
const segment = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]+$/

/**
 * Whether the text is an identifier of an agent, resource or auth server (W10): `https`, a lower-case A-label host,
 * no user-info, query, fragment, default port, trailing slash or dot. Judged on the raw text, since URL parsing hides
 * differences; equal identifiers are equal strings.
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

/** Throws a TypeError that says which option is not an identifier, for identifiers that the caller configures. */
export function requireIdentifier(option: string, text: string, options: IdentifierOptions): void {
  if (isIdentifier(text, options)) return
  const repair = identifierRepair(text, options)
  if (repair !== undefined) throw new TypeError(`${option} is no identifier: ${repair}`)
  const hint = isLoopbackIdentifier(text)
    ? 'set allowInsecureLoopback for http on loopback'
    : isIdentifier(text, { ...options, allowPath: true })
      ? 'set allowPath for one with a path'
      : 'it must be https://host, lower case, no trailing slash'
  throw new TypeError(`${option} is no identifier (${hint}): ${String(text)}`)
}

/** What people get wrong most, and the text without it. */
const slips: readonly [advice: string, repair: (text: string) => string][] = [
  ['leave out the slash at its end', (text) => text.replace(/\/+$/, '')],
  ['write it in lower case', (text) => text.toLowerCase()],
  ['leave out the default port', (text) => text.replace(/^(https:\/\/[^/]+):443(?=\/|$)/, '$1')],
  ['write https:// before it', (text) => `https://${text}`],
  ['write https in place of http', (text) => text.replace(/^http:/, 'https:')],
  ['leave out all from the question mark or hash sign on', (text) => text.replace(/\/?[?#].*$/s, '')],
  ['say at which port, such as', (text) => text.replace(/^http:\/\/[^/:]+(?=\/?$)/, '$&:8001').replace(/\/$/, '')],
]

/** What to change of a text that is nearly an identifier, and what it is then; undefined for what is not near to one. */
export function identifierRepair(text: unknown, options: IdentifierOptions): string | undefined {
  if (typeof text !== 'string') return undefined
  const slip = slips.find(([, repair]) => repair(text) !== text && isIdentifier(repair(text), options))
  return slip && `${slip[0]} (${slip[1](text)})`
}

/** What is wrong with a text that is no identifier. It follows a subject: "the id …". */
export function identifierProblem(text: unknown, options: IdentifierOptions): string {
  return isIdentifier(text, { ...options, allowPath: true })
    ? 'has a path, and identifiers with a path are not accepted here'
    : 'is not an identifier of the accepted form (https://host)'
}

/** Whether the text is an identifier of the insecure loopback form. */
export function isLoopbackIdentifier(text: string): boolean {
  return loopback.test(text)
}

function isHost(name: string): boolean {
  if (!host.test(name) || isNumeric(name.slice(name.lastIndexOf('.') + 1))) return false
  return !name.includes('xn--') || isALabelHost(name)
}

// A host whose last label is a number is an IPv4 address to URL parsers, in any of its spellings.
function isNumeric(label: string): boolean {
  return /^(?:\d+|0x[0-9a-f]*)$/.test(label)
}

// An A-label that decodes to nothing, or to what would be spelled otherwise, is a URL to some parsers only.
function isALabelHost(name: string): boolean {
  // A label beyond ASCII before it: newer parsers look into A-labels only then.
  const url = `https://\u00e9.${name}`
  return URL.canParse(url) && new URL(url).host === `xn--9ca.${name}`
}

/** Whether a URL lies under an identifier. */
export function isUnder(url: string, identifier: string): boolean {
  return url === identifier || (url.startsWith(identifier) && '/?#'.includes(url.charAt(identifier.length)))
}
