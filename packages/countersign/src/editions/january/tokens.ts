import { registeredNames } from '../../lib/algorithms.js'
import type { RegisteredClaims, TokenType } from '../../tokens/verify-token.js'
import { agentDocument, authServerDocument, resourceDocument } from './documents.js'

/** One call of an API: all that a permission given "just this once" allows. Not in the edition's text. */
export interface Call {
  method: string
  /** The URL, exactly as it was requested. */
  target: string
  /** The `Content-Digest` of the body, as it was sent; absent if there is no body. */
  digest?: string
}

/** Claims of an agent token (S§5.3). */
export interface AgentTokenClaims extends RegisteredClaims {
  /** The delegate. */
  sub: string
  cnf: { jwk: object }
}

/** Claims of a resource token (S§6.3). */
export interface ResourceTokenClaims extends RegisteredClaims {
  aud: string | string[]
  agent: string
  agent_jkt: string
  scope?: string
  auth_request_url?: string
  /** The refused request: the user may allow the scope for it only. */
  call?: Call
}

/** Claims of an auth token (S§7.3, 7.4). */
export interface AuthTokenClaims extends RegisteredClaims {
  aud: string | string[]
  cnf: { jwk: object }
  agent?: string
  agent_delegate?: string
  scope?: string
  sub?: string
  /** The only call that the token allows, once. */
  call?: Call
}

/** Claims of a revocation list: the revoked auth tokens that may not have expired yet. */
export interface RevocationClaims extends RegisteredClaims {
  iat: number
  /** The `revocationEntry` of each revoked grant, agent and user. */
  revoked: string[]
  /** A timestamp for each user, or client of a user: the tokens issued at or before that time are revoked. */
  revoked_before?: Record<string, number>
  /**
   * Set if too many agents were blocked, or too many users disabled, to list them: every token issued at or before this time is revoked.
   */
  before?: number
}

const agent: TokenType<AgentTokenClaims> = {
  typ: 'agent+jwt',
  jose: registeredNames,
  issuerDocument: agentDocument,
  required: [
    ['iss', 'identifier'],
    ['sub', 'string'],
    ['exp', 'seconds'],
    ['cnf', 'confirmation'],
  ],
  optional: [
    ['iat', 'seconds'],
    ['nbf', 'seconds'],
    ['jti', 'string'],
  ],
  audience: 'optional',
  maxLifetime: 86_400,
  invalid: 'agent_token_invalid',
  expired: 'agent_token_expired',
  renewal: 'get a new one from your agent server',
}

export const resourceTokenType = 'resource+jwt'

/** What is wrong with a `call` claim; undefined if it is valid, or if there is none. */
function callProblem({ call }: { call?: unknown }): string | undefined {
  if (call === undefined) return undefined
  const { method, target, digest = '' } = Object(call) as Record<string, unknown>
  const parts = [method, target, digest]
  const isValid =
    parts.every((part) => typeof part === 'string') &&
    /^[!-~]{1,32}\nhttps?:[!-~]{1,2043}\n[ -~]{0,512}$/.test(parts.join('\n'))
  return isValid ? undefined : 'its call is malformed'
}

const resource: TokenType<ResourceTokenClaims> = {
  typ: resourceTokenType,
  jose: registeredNames,
  issuerDocument: resourceDocument,
  required: [
    ['iss', 'identifier'],
    ['agent', 'identifier'],
    ['agent_jkt', 'thumbprint'],
    ['exp', 'seconds'],
  ],
  optional: [
    ['scope', 'string'],
    ['auth_request_url', 'string'],
    ['iat', 'seconds'],
    ['nbf', 'seconds'],
    ['jti', 'string'],
  ],
  problem: (claims) =>
    Object.hasOwn(claims, 'scope') === Object.hasOwn(claims, 'auth_request_url')
      ? 'it must have either scope or auth_request_url'
      : callProblem(claims),
  audience: 'required',
  maxLifetime: 900,
  invalid: 'resource_token_invalid',
  expired: 'resource_token_expired',
  renewal: 'request a new one from the resource',
}

export const authToken: TokenType<AuthTokenClaims> = {
  typ: 'auth+jwt',
  jose: registeredNames,
  issuerDocument: authServerDocument,
  required: [
    ['iss', 'identifier'],
    ['exp', 'seconds'],
    ['cnf', 'confirmation'],
  ],
  optional: [
    ['agent', 'identifier'],
    ['agent_delegate', 'string'],
    ['scope', 'string'],
    ['sub', 'string'],
    ['iat', 'seconds'],
    ['nbf', 'seconds'],
    ['jti', 'string'],
  ],
  problem: (claims) =>
    claims.call && (claims.jti === undefined || claims.iat === undefined)
      ? 'a token for one call must have jti and iat'
      : callProblem(claims),
  audience: 'required',
  maxLifetime: 86_400,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

const revocations: TokenType<RevocationClaims> = {
  typ: 'revocations+jwt',
  jose: registeredNames,
  issuerDocument: authServerDocument,
  required: [
    ['iss', 'identifier'],
    ['exp', 'seconds'],
    ['iat', 'seconds'],
    ['revoked', 'entries'],
  ],
  optional: [
    ['revoked_before', 'times'],
    ['before', 'seconds'],
    ['nbf', 'seconds'],
    ['jti', 'string'],
  ],
  audience: 'optional',
  maxLifetime: 600,
  invalid: 'revocation_list_refused',
  expired: 'revocation_list_refused',
}

/** The token types (S§5–7). The revocation list is not in the edition's text. */
export const januaryTokens = { agent, resource, auth: authToken, revocations } as const
