import type { ResolvedKey } from 'countersign/editions'
import type { AgentTokenClaims } from 'countersign/editions/draft-11'
import { isServerId, readJson } from 'countersign/editions/draft-11'
import type { VerifiedSignature } from 'countersign/signatures'
import type { AgentStatement } from '../../http/consent-transport.js'
import type { AgentToken } from '../../storage/api/agent-storage.js'
import type { SignedContext } from '../edition.js'
import { malformed } from './problems.js'
import { agentTokenRevoked, isRevoked } from './revocations.js'

type Members = Readonly<Record<string, unknown>>

/** Members that ask for features that this server does not have. They are refused, because to ignore them would change what is asked. */
const unsupported = ['mission_s256', 'subagent_token', 'upstream_token']

/**
 * Reads the JSON body of a request for a token.
 *
 * @throws AAuthError `media_type_unsupported`, `body_too_large`, `request_malformed`
 */
export function readMembers(contentType: string | null, body: Uint8Array): Members {
  const members = readJson(contentType, body)
  const asked = unsupported.find((name) => Object.hasOwn(members, name))
  if (asked !== undefined) throw malformed(`${asked} is not supported by this person server: leave it out.`)
  return members
}

/** @throws AAuthError `request_malformed` */
export function requireText(members: Members, name: string): string {
  const value = members[name]
  if (typeof value === 'string' && value !== '') return value
  throw malformed(`The member ${name} is missing, or not a string.`)
}

/**
 * Requires an agent token that this person server may use: it names no other person server and no parent agent, and its issuer has not
 * revoked it (draft -11 §5.3).
 *
 * @throws AAuthError `request_malformed`, `agent_token_invalid`
 */
export async function requireAgentToken(
  context: SignedContext,
  { resolved: { token } }: VerifiedSignature<ResolvedKey>,
): Promise<AgentToken> {
  const { issuer } = context
  if (!token) throw malformed('The request is not signed with an agent token.')
  const claims = token.claims as AgentTokenClaims
  if (claims.ps !== undefined && claims.ps !== issuer)
    throw malformed(`The agent token names another person server: its ps is not ${issuer}.`)
  if (claims.parent_agent !== undefined)
    throw malformed('Sub-agents are not supported here: send an agent token without a parent_agent.')
  if (await isRevoked(context, claims)) throw agentTokenRevoked()
  return { jti: claims.jti, expiresAt: claims.exp }
}

/** Requires the identifier of a server, in `resource`. @throws AAuthError `request_malformed` */
export function requireResource({ identifiers, issuer }: SignedContext, members: Members): string {
  const resource = requireText(members, 'resource')
  if (isServerId(resource, identifiers) && resource !== issuer) return resource
  throw malformed('resource must identify another server than this one: https:// and a host, without a port or a path.')
}

/** What an agent says about its request, besides what it asks for (draft -11 §7.1). */
export interface RequestHints {
  /** Whether the agent can take its user to a page; undefined if it lists no capabilities. */
  canInteract: boolean | undefined
  prompt: ReadonlySet<string>
  loginHint: string | null
  agentSays: AgentStatement
}

const limits = { justification: 2000, device: 64, loginHint: 256 } as const
const prompts = ['none', 'login', 'consent', 'select_account']
const platforms = ['web', 'mobile', 'desktop', 'workload', 'self-hosted'] as const

/** @throws AAuthError `request_malformed` */
export function readHints(members: Members): RequestHints {
  return {
    canInteract: capabilitiesIn(members)?.includes('interaction'),
    prompt: promptIn(optionalText(members, 'prompt')),
    loginHint: optionalText(members, 'login_hint')?.slice(0, limits.loginHint) ?? null,
    agentSays: statementIn(members),
  }
}

function capabilitiesIn({ capabilities }: Members): readonly string[] | undefined {
  if (capabilities === undefined) return undefined
  if (Array.isArray(capabilities) && capabilities.every((each) => typeof each === 'string')) return capabilities
  throw malformed('capabilities must be an array of strings.')
}

function promptIn(text: string | undefined): ReadonlySet<string> {
  const asked = new Set(text?.split(' ').filter((word) => word !== ''))
  const unknown = [...asked].find((word) => !prompts.includes(word))
  if (unknown !== undefined) throw malformed(`prompt must be of ${prompts.join(', ')}.`)
  if (asked.has('none') && asked.size > 1) throw malformed('prompt=none cannot be combined with another prompt.')
  return asked
}

function statementIn(members: Members): AgentStatement {
  const reason = optionalText(members, 'justification')
  if ((reason?.length ?? 0) > limits.justification)
    throw malformed(`justification must have at most ${limits.justification} characters.`)
  const device = optionalText(members, 'device')
  if (device !== undefined && (device.length > limits.device || /\p{C}/u.test(device)))
    throw malformed(`device must have at most ${limits.device} printable characters.`)
  const named = optionalText(members, 'platform')
  return { reason, device, platform: platforms.find((platform) => platform === named) }
}

function optionalText(members: Members, name: string): string | undefined {
  const value = members[name]
  if (value === undefined || typeof value === 'string') return value
  throw malformed(`${name} must be a string.`)
}
