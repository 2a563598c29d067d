import type { ClaimRule, RegisteredClaims, TokenType } from 'countersign/tokens'
import { agentIdProblem } from './agent-id.js'
import { documents } from './documents.js'
import { joseNames } from './jose-names.js'

interface DraftClaims extends RegisteredClaims {
  /** The name of the document in which the issuer publishes its keys. */
  dwk: string
  iat: number
  jti: string
}

interface BoundClaims extends DraftClaims {
  sub: string
  cnf: { jwk: object }
}

export interface AgentTokenClaims extends BoundClaims {
  /** The agent's person server. */
  ps?: string
}

export interface PersonTokenClaims extends BoundClaims {
  aud: string
}

export interface AuthTokenClaims extends BoundClaims {
  aud: string
  ps: string
  scope?: string
}

export interface ResourceTokenClaims extends DraftClaims {
  aud: string
  ps: string
  sub: string
  presented_jti: string
  agent_jkt: string
  scope: string
}

const common: readonly ClaimRule[] = [
  ['iss', 'identifier'],
  ['dwk', 'string'],
  ['jti', 'string'],
  ['iat', 'seconds'],
  ['exp', 'seconds'],
  ['sub', 'string'],
]

const hour = 3600

/** What no kind of claim says: whose keys they are, and how long a token may live at most. */
function problemOf({ dwk, iat, exp, aud }: DraftClaims, document: string, longest: number): string | undefined {
  if (dwk !== document) return `its dwk is not ${document}`
  if (exp - iat > longest) return `it was made to live longer than ${longest} s`
  return Array.isArray(aud) && aud.length !== 1 ? 'its aud names not one party' : undefined
}

const agent: TokenType<AgentTokenClaims> = {
  typ: 'aa-agent+jwt',
  jose: joseNames,
  issuerDocument: documents.agent,
  required: [...common, ['cnf', 'confirmation']],
  optional: [['ps', 'identifier']],
  problem: (claims) => problemOf(claims, documents.agent.name, 24 * hour) ?? agentIdProblem(claims),
  audience: 'optional',
  maxLifetime: 24 * hour,
  invalid: 'agent_token_invalid',
  expired: 'agent_token_expired',
}

const person: TokenType<PersonTokenClaims> = {
  typ: 'aa-person+jwt',
  jose: joseNames,
  issuerDocument: documents.authServer,
  required: [...common, ['cnf', 'confirmation']],
  optional: [],
  problem: (claims) =>
    problemOf(claims, documents.authServer.name, hour) ?? ('scope' in claims ? 'it has a scope' : undefined),
  audience: 'required',
  maxLifetime: hour,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

const auth: TokenType<AuthTokenClaims> = {
  typ: 'aa-auth+jwt',
  jose: joseNames,
  issuerDocument: documents.authServer,
  required: [...common, ['cnf', 'confirmation'], ['ps', 'identifier']],
  optional: [['scope', 'string']],
  problem: (claims) =>
    problemOf(claims, documents.authServer.name, hour) ??
    (claims.ps === claims.iss ? undefined : 'its ps is not its issuer'),
  audience: 'required',
  maxLifetime: hour,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

const resource: TokenType<ResourceTokenClaims> = {
  typ: 'aa-resource+jwt',
  jose: joseNames,
  issuerDocument: documents.resource,
  required: [
    ...common,
    ['ps', 'identifier'],
    ['presented_jti', 'string'],
    ['agent_jkt', 'thumbprint'],
    ['scope', 'string'],
  ],
  optional: [],
  problem: (claims) =>
    problemOf(claims, documents.resource.name, hour) ??
    ('cnf' in claims || 'agent' in claims ? 'it names the agent' : undefined),
  audience: 'required',
  maxLifetime: 900,
  invalid: 'resource_token_invalid',
  expired: 'resource_token_expired',
}

/** The four tokens; `typ` alone tells those of a person server apart. */
export const tokens = { agent, person, auth, resource } as const
