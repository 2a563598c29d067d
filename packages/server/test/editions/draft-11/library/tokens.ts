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

/** Checks what the claim rules cannot express: the document with the issuer's keys, the maximum lifetime, and the number of audiences. */
function problemOf({ dwk, iat, exp, aud }: DraftClaims, document: string, longest: number): string | undefined {
  if (dwk !== document) return `its dwk is not ${document}`
  if (exp - iat > longest) return `its lifetime is longer than ${longest} s`
  return Array.isArray(aud) && aud.length !== 1 ? 'its aud does not name exactly one party' : undefined
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

/** The four token types. Only `typ` distinguishes the two that a person server issues. */
export const tokens = { agent, person, auth, resource } as const
