import { issueToken, january, type Signer } from 'countersign'
import type { VerifiedRequest } from 'countersign/resource'
import { type RegisteredClaims, registeredNames, type TokenType } from 'countersign/wire'
import type { Level } from '../routes/route.js'
import { identityOf } from './identity-fields.js'

/** What the API is told of a request, signed. Names are those of the tokens where they say the same. */
export interface AssertionClaims extends RegisteredClaims {
  /** Where the API listens. */
  aud: string
  level: Level
  agent?: string
  agent_delegate?: string
  agent_jkt: string
  /** The auth server that names the person, and what they allowed. */
  auth_server?: string
  sub?: string
  scope?: string
  /** The request that it is about: it is worth nothing beside another one. */
  method: string
  target: string
}

/** Unlike every token of the protocol by its `typ`, so that none of the resource's key is taken for another. */
export const assertionType: TokenType<AssertionClaims> = {
  typ: 'gateway-assertion+jwt',
  jose: registeredNames,
  issuerDocument: january.documents.resource,
  required: [
    ['iss', 'identifier'],
    ['exp', 'seconds'],
    ['level', 'string'],
    ['agent_jkt', 'thumbprint'],
    ['method', 'string'],
    ['target', 'string'],
  ],
  optional: [
    ['agent', 'identifier'],
    ['agent_delegate', 'string'],
    ['auth_server', 'identifier'],
    ['sub', 'string'],
    ['scope', 'string'],
  ],
  audience: 'required',
  maxLifetime: 60,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

export interface AssertionOptions {
  /** The resource's own key, which its documents publish. */
  signer: Signer
  /** Who it is for. @default the upstream */
  audience?: string | undefined
}

/** Seconds that an assertion lives: as long as a request is on its way. */
const lifetime = 30

export interface AssertedRequest {
  verified: VerifiedRequest
  level: Level
  issuer: string
  audience: string
  method: string
  rawTarget: string
}

export function issueAssertion(asserted: AssertedRequest, signer: Signer): Promise<string> {
  const { verified, level, issuer, audience, method, rawTarget } = asserted
  const said = identityOf(verified, level)
  const claims: AssertionClaims = {
    iss: issuer,
    aud: audience,
    exp: Date.now() / 1000 + lifetime,
    level,
    agent_jkt: said['X-AAuth-JKT'],
    method,
    target: rawTarget,
    ...whereThere('agent', said['X-AAuth-Agent-Server']),
    ...whereThere('agent_delegate', said['X-AAuth-Delegate']),
    ...whereThere('auth_server', said['X-AAuth-Issuer']),
    ...whereThere('sub', said['X-AAuth-Subject']),
    ...whereThere('scope', said['X-AAuth-Scope']),
  }
  return issueToken(assertionType, claims, { signer })
}

function whereThere(name: string, value: string): Record<string, string> {
  return value === '' ? {} : { [name]: value }
}
