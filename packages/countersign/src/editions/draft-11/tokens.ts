import type { ClaimRule, RegisteredClaims, TokenType } from '../../tokens/verify-token.js'
import { agentIdProblem, isServerId } from './agent-id.js'
import { draft11Jose } from './algorithms.js'
import { draft11Documents } from './documents.js'

/** The claims of every token (draft -11 §11.5). */
interface CommonClaims extends RegisteredClaims {
  /** The name of the document that leads to the issuer's keys. */
  dwk: string
  sub: string
  iat: number
  jti: string
}

interface BoundClaims extends CommonClaims {
  cnf: { jwk: object }
}

/** Claims of an agent token, which is for every party (draft -11 §5.3). */
export interface AgentTokenClaims extends BoundClaims {
  /** The agent's person server. */
  ps?: string
  parent_agent?: string
}

/** Claims of a person token: the agent may act as this user at one resource, as far as that needs no scope (draft -11 §7.1). */
export interface PersonTokenClaims extends BoundClaims {
  aud: string | string[]
  tenant?: string
}

/** Claims of an auth token: what the user allowed the agent at one resource (draft -11 §9.4). */
export interface AuthTokenClaims extends BoundClaims {
  aud: string | string[]
  ps: string
  scope?: string
  account?: string
  tenant?: string
}

/** Claims of a resource token: what a resource asks a person server to allow (draft -11 §6.7). */
export interface ResourceTokenClaims extends CommonClaims {
  aud: string | string[]
  ps: string
  presented_jti: string
  agent_jkt: string
  scope?: string
  account?: string
  login_hint?: string
  tenant?: string
  mission_s256?: string
  interaction?: unknown
}

const common: readonly ClaimRule[] = [
  ['dwk', 'string'],
  ['iss', 'identifier'],
  ['sub', 'string'],
  ['jti', 'string'],
  ['iat', 'seconds'],
  ['exp', 'seconds'],
]

const hour = 3600
/** Clocks may differ by this much, in seconds, when a lifetime is measured from now. */
const skew = 60
const errors = { invalid: 'invalid_jwt', expired: 'expired_jwt', ahead: 'clock_skew', key: 'invalid_key' } as const

/** The claims that no token of a type may have, and its longest lifetime in seconds. */
interface Limits {
  lifetime: number
  forbidden: readonly string[]
}

/** What claims of the right types may still get wrong. */
function claimsProblem(claims: CommonClaims, document: string, { lifetime, forbidden }: Limits): string | undefined {
  const { dwk, iss, jti, iat, exp, aud } = claims
  if (dwk !== document) return `its dwk is not ${document}`
  if (!isServerId(iss, { allowInsecureLoopback: true })) return 'its iss has a port or a path'
  if (jti.length > 256) return 'its jti is longer than 256 characters'
  if (/[\p{Cc}\p{Cs}]/u.test(jti)) return 'its jti has control characters'
  if (exp - iat > lifetime) return `its lifetime is longer than ${lifetime} s`
  if (Array.isArray(aud) && aud.length !== 1) return 'its aud does not name exactly one party'
  const extra = forbidden.find((claim) => Object.hasOwn(claims, claim))
  return extra === undefined ? undefined : `it has the claim ${extra}`
}

const agentLimits: Limits = { lifetime: 24 * hour, forbidden: [] }

const agent: TokenType<AgentTokenClaims> = {
  typ: 'aa-agent+jwt',
  jose: draft11Jose,
  issuerDocument: draft11Documents.agent,
  required: [...common, ['cnf', 'confirmation']],
  optional: [
    ['ps', 'identifier'],
    ['parent_agent', 'string'],
  ],
  problem: (claims) =>
    claimsProblem(claims, draft11Documents.agent.name, agentLimits) ??
    agentIdProblem(claims, { allowInsecureLoopback: true }),
  audience: 'optional',
  maxLifetime: agentLimits.lifetime + skew,
  invalid: 'agent_token_invalid',
  expired: 'agent_token_expired',
  errors,
  renewal: 'get a new one from your agent provider',
}

const personLimits: Limits = { lifetime: hour, forbidden: ['scope', 'account'] }

const person: TokenType<PersonTokenClaims> = {
  typ: 'aa-person+jwt',
  jose: draft11Jose,
  issuerDocument: draft11Documents.authServer,
  required: [...common, ['cnf', 'confirmation']],
  optional: [['tenant', 'string']],
  problem: (claims) => claimsProblem(claims, draft11Documents.authServer.name, personLimits),
  audience: 'required',
  maxLifetime: personLimits.lifetime + skew,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
  errors,
}

const authLimits: Limits = { lifetime: hour, forbidden: ['agent', 'act'] }

const auth: TokenType<AuthTokenClaims> = {
  typ: 'aa-auth+jwt',
  jose: draft11Jose,
  issuerDocument: draft11Documents.authServer,
  required: [...common, ['cnf', 'confirmation'], ['ps', 'identifier']],
  optional: [
    ['scope', 'string'],
    ['account', 'string'],
    ['tenant', 'string'],
  ],
  problem: (claims) =>
    claimsProblem(claims, draft11Documents.authServer.name, authLimits) ??
    (claims.ps === claims.iss ? undefined : 'its ps is not its iss'),
  audience: 'required',
  maxLifetime: authLimits.lifetime + skew,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
  errors,
}

const resourceLimits: Limits = { lifetime: hour, forbidden: ['cnf', 'agent'] }

const resource: TokenType<ResourceTokenClaims> = {
  typ: 'aa-resource+jwt',
  jose: draft11Jose,
  issuerDocument: draft11Documents.resource,
  required: [...common, ['ps', 'identifier'], ['presented_jti', 'string'], ['agent_jkt', 'thumbprint']],
  optional: [
    ['scope', 'string'],
    ['account', 'string'],
    ['login_hint', 'string'],
    ['tenant', 'string'],
  ],
  problem: (claims) => claimsProblem(claims, draft11Documents.resource.name, resourceLimits),
  audience: 'required',
  maxLifetime: resourceLimits.lifetime + skew,
  invalid: 'resource_token_invalid',
  expired: 'resource_token_expired',
}

/** The token types (draft -11 §11.5). Only `typ` tells a person token from an auth token. */
export const draft11Tokens = { agent, person, auth, resource } as const
