import type { ErrorCode } from '../lib/errors.js'
import type { MetadataKind } from '../protocol/metadata.js'

/** The `typ` of each token kind (S§5.2, 6.2, 7.2); the last one is not in the edition's text. */
export type TokenKind = 'agent+jwt' | 'resource+jwt' | 'auth+jwt' | 'revocations+jwt'

type ClaimKind = 'identifier' | 'string' | 'seconds' | 'confirmation' | 'thumbprint' | 'entries' | 'times'

interface TokenRow {
  /** The document in which the issuer publishes its keys. */
  issuerDocument: MetadataKind
  /** Claims that must be there, with their types (S§5.3, 6.3, 7.3). */
  required: Readonly<Record<string, ClaimKind>>
  /** Claims checked for their type where they are there. */
  optional: Readonly<Record<string, ClaimKind>>
  /** Whether a missing `aud` is refused. */
  audience: 'required' | 'optional'
  /** Seconds from now that `exp` may lie ahead at most (attacks T09). */
  maxLifetime: number
  invalid: ErrorCode
  expired: ErrorCode
}

/** Everything that differs between the token kinds. */
export const tokenTable: Readonly<Record<TokenKind, TokenRow>> = {
  'agent+jwt': {
    issuerDocument: 'aauth-agent',
    required: { iss: 'identifier', sub: 'string', exp: 'seconds', cnf: 'confirmation' },
    optional: { iat: 'seconds', nbf: 'seconds', jti: 'string' },
    audience: 'optional',
    maxLifetime: 86_400,
    invalid: 'agent_token_invalid',
    expired: 'agent_token_expired',
  },
  'resource+jwt': {
    issuerDocument: 'aauth-resource',
    required: { iss: 'identifier', agent: 'identifier', agent_jkt: 'thumbprint', exp: 'seconds' },
    optional: { scope: 'string', auth_request_url: 'string', iat: 'seconds', nbf: 'seconds', jti: 'string' },
    audience: 'required',
    maxLifetime: 900,
    invalid: 'resource_token_invalid',
    expired: 'resource_token_expired',
  },
  'auth+jwt': {
    issuerDocument: 'aauth-issuer',
    required: { iss: 'identifier', exp: 'seconds', cnf: 'confirmation' },
    optional: {
      agent: 'identifier',
      agent_delegate: 'string',
      scope: 'string',
      sub: 'string',
      iat: 'seconds',
      nbf: 'seconds',
      jti: 'string',
    },
    audience: 'required',
    maxLifetime: 86_400,
    invalid: 'auth_token_invalid',
    expired: 'auth_token_expired',
  },
  'revocations+jwt': {
    issuerDocument: 'aauth-issuer',
    required: { iss: 'identifier', exp: 'seconds', iat: 'seconds', revoked: 'entries' },
    optional: { revoked_before: 'times', before: 'seconds', nbf: 'seconds', jti: 'string' },
    audience: 'optional',
    maxLifetime: 600,
    invalid: 'revocation_list_refused',
    expired: 'revocation_list_refused',
  },
}

interface RegisteredClaims {
  iss: string
  exp: number
  aud?: string | string[]
  iat?: number
  nbf?: number
  jti?: string
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
}

/** Claims of an auth token (S§7.3, 7.4). */
export interface AuthTokenClaims extends RegisteredClaims {
  aud: string | string[]
  cnf: { jwk: object }
  agent?: string
  agent_delegate?: string
  scope?: string
  sub?: string
}

/** What an auth server took back of the auth tokens that may still be alive. */
export interface RevocationClaims extends RegisteredClaims {
  iat: number
  /** {@link revocationEntry} of each grant, agent and person. */
  revoked: string[]
  /** By the entry of a person: the tokens for them that were issued at this time or before are taken back, under any grant. */
  revoked_before?: Record<string, number>
  /** Too many agents were blocked and people disabled for a list: every token issued at this time or before is taken back. */
  before?: number
}

export interface ClaimsByKind {
  'agent+jwt': AgentTokenClaims
  'resource+jwt': ResourceTokenClaims
  'auth+jwt': AuthTokenClaims
  'revocations+jwt': RevocationClaims
}
