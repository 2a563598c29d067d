import * as platform from '#crypto'
import { AgentError } from '../../lib/agent-error.js'
import { publishedJwk } from '../../lib/algorithms.js'
import { importVerificationKey } from '../../lib/jwk.js'
import { LruCache } from '../../lib/lru-cache.js'
import { confirmationJwk, issueToken } from '../../tokens/issue-token.js'
import { type DecodedToken, decodeToken } from '../../tokens/verify-token.js'
import type { AgentTools } from '../agent-protocol.js'
import { draft11Jose, requireUsableSigner } from './algorithms.js'
import { draft11Documents } from './documents.js'
import { parseSignatureError, signatureErrorHeader } from './signature-error.js'
import { draft11Tokens } from './tokens.js'

/** The lifetime of an agent token, and the last part of it, in which the token is no longer sent, in seconds. */
const lifetime = 3600
const margin = 300

const maxNames = 1000

/** The names of an agent, `aauth:local@host`, and the tokens that prove them. */
export interface AgentTokens {
  /** The name of an agent that acts for one user. */
  readonly ownName: string
  /** Creates a name that the agent has not used yet. */
  createName(): string
  /** Returns a token for a name, and replaces it a few minutes before it expires. */
  tokenFor(name: string): Promise<string>
  /** Drops the token of a name, because a server no longer accepts it. */
  drop(name: string): void
}

/**
 * Creates the agent tokens of an agent that is its own agent provider (draft -11 §4.3, 5.3). If the program passes `agentToken`, another
 * provider issues the tokens and chooses the agent's name.
 *
 * @throws TypeError for a key that draft -11 does not support, and for a web agent whose names another provider would choose
 */
export function createAgentTokens(tools: AgentTools): AgentTokens {
  const { id, signer, agentToken, isShared, now } = tools
  requireUsableSigner('signer', signer)
  if (agentToken && isShared)
    throw new TypeError(
      'agentToken: a web agent has a name for each of its users, so it must issue its own agent tokens',
    )
  const { host } = new URL(id)
  const held = new LruCache<Promise<string>>(maxNames)

  async function renew(name: string): Promise<string> {
    if (!agentToken) {
      const at = Math.floor(now())
      const issued = issueAgentToken(tools, at, name)
      held.set(name, issued, at + lifetime - margin)
      return issued
    }
    const jwt = await agentToken()
    held.set(name, Promise.resolve(jwt), presentableUntil(await requireOwnToken(jwt, tools), now()))
    return jwt
  }

  return {
    ownName: ownNameOf(tools),
    createName: () => `aauth:${platform.serializeBase64url(platform.randomBytes(16))}@${host}`,
    async tokenFor(name) {
      try {
        return await (held.get(name, now()) ?? renew(name))
      } catch (error) {
        held.delete(name)
        throw error
      }
    },
    drop: (name) => held.delete(name),
  }
}

/** Whether a response refuses the token that carried the key: a new token may be accepted. */
export function isTokenRefused({ status, headers }: Response): boolean {
  const problem = status === 401 ? parseSignatureError(headers.get(signatureErrorHeader)) : undefined
  return problem?.error === 'expired_jwt' || problem?.error === 'revoked_jwt'
}

/** Sends a request under a name and, if the server no longer accepts the agent token, once more with a new one. */
export async function sendAs(
  { send, agentTokens }: Pick<AgentTools, 'send'> & { agentTokens: AgentTokens },
  request: Request,
  agentName: string,
): Promise<Response> {
  const response = await send(request.clone(), { scheme: 'agent', agentName })
  if (!isTokenRefused(response)) return response
  await response.body?.cancel()
  agentTokens.drop(agentName)
  return send(request, { scheme: 'agent', agentName })
}

/**
 * Until when a token is presented, in Unix seconds: not in its last five minutes (draft -11 §6.7.3), or the last quarter of a shorter
 * lifetime.
 */
export function presentableUntil(exp: number, now: number): number {
  return exp - Math.min(margin, Math.max(0, exp - now) / 4)
}

/** The agent's person server: the first of its auth servers. */
export function personServerOf({ authServers: [first] }: Pick<AgentTools, 'authServers'>): string | undefined {
  return first
}

/** The name of an agent that acts for one user. */
function ownNameOf({ id }: Pick<AgentTools, 'id'>): string {
  return `aauth:agent@${new URL(id).host}`
}

/** The agent's key, as tokens and key sets contain it. */
export function ownKey({ signer }: Pick<AgentTools, 'signer'>): object {
  const { kid: _kid, use: _use, ...key } = publishedJwk(signer.jwk, draft11Jose)
  return key
}

/**
 * Issues an agent token for a key of the issuer itself.
 *
 * @param at the time of issue, in Unix seconds
 * @param name the agent's name
 */
export async function issueAgentToken(
  tools: Pick<AgentTools, 'id' | 'signer' | 'authServers'>,
  at: number,
  name: string = ownNameOf(tools),
): Promise<string> {
  const ps = personServerOf(tools)
  const claims = {
    iss: tools.id,
    dwk: draft11Documents.agent.name,
    sub: name,
    cnf: { jwk: ownKey(tools) },
    ...(ps === undefined ? {} : { ps }),
    iat: at,
    exp: at + lifetime,
    jti: platform.serializeBase64url(platform.randomBytes(16)),
  }
  return issueToken(draft11Tokens.agent, claims, tools)
}

/** Returns the expiry of another provider's agent token. @throws AgentError for a token that servers would refuse */
async function requireOwnToken(jwt: string, { signer, now }: AgentTools): Promise<number> {
  const token = decodeToken(jwt)
  if (token?.header.typ !== draft11Tokens.agent.typ) throw refuse(`is not a token of type ${draft11Tokens.agent.typ}`)
  const { exp } = token.payload
  if (typeof exp !== 'number' || exp <= now()) throw refuse('has expired')
  if ((await thumbprintIn(token)) !== signer.thumbprint) throw refuse('is bound to another key than the signer’s')
  return exp
}

async function thumbprintIn({ payload }: DecodedToken): Promise<string> {
  return (await importVerificationKey(confirmationJwk(payload), draft11Jose)).thumbprint
}

function refuse(why: string): AgentError {
  return new AgentError('token_request_failed', `The agent token that agentToken returned ${why}.`)
}
