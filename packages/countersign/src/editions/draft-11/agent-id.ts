import { type IdentifierOptions, isIdentifier, isLoopbackIdentifier } from '../../protocol/documents.js'

/** The parts of an agent identifier, `aauth:local@domain` (draft -11 §5.2). */
export interface AgentId {
  local: string
  /** The host of the agent provider. */
  domain: string
}

const form = /^aauth:([A-Za-z0-9\-_+.]{1,255})@([^@]{1,260})$/

/**
 * Whether a text identifies a server: an https origin in lower case, without a port or a path. With `allowInsecureLoopback`, an origin on
 * loopback also identifies a server, as no public server can be reached there.
 */
export function isServerId(text: unknown, { allowInsecureLoopback }: IdentifierOptions): text is string {
  if (!isIdentifier(text, { allowInsecureLoopback })) return false
  return isLoopbackIdentifier(text) || !text.includes(':', 'https://'.length)
}

/** Parses an agent identifier. Undefined for any other text. Compare identifiers as they are: nothing is normalized. */
export function parseAgentId(text: unknown, options: IdentifierOptions): AgentId | undefined {
  const [, local, domain] = (typeof text === 'string' && form.exec(text)) || []
  if (local === undefined || domain === undefined) return undefined
  const isDomain = isServerId(`https://${domain}`, options) || isServerId(`http://${domain}`, options)
  return isDomain ? { local, domain } : undefined
}

/**
 * Why the subject of an agent token is not an agent of the token's issuer; undefined if it is. A `+` in `local` marks a sub-agent, whose
 * token names its parent.
 */
export function agentIdProblem(
  { iss, sub, parent_agent: parent }: { iss: string; sub: string; parent_agent?: string },
  options: IdentifierOptions,
): string | undefined {
  const id = parseAgentId(sub, options)
  if (!id) return 'its sub is not an agent identifier (aauth:name@host)'
  if (id.domain !== new URL(iss).host) return 'its sub is at another host than its iss'
  if (parent === undefined) return id.local.includes('+') ? 'its sub is a sub-agent without a parent_agent' : undefined
  return parseAgentId(parent, options) ? undefined : 'its parent_agent is not an agent identifier'
}
