import { issueToken, january, type Signer } from 'countersign'
import { type RegisteredClaims, registeredNames, type TokenType } from 'countersign/wire'
import type { Level } from '../routes/route.js'
import { fieldsOf, type Identity, nobody } from './identity-headers.js'

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
  /** Who it is for. @default the upstream; for subrequests there is none */
  audience?: string | undefined
}

/** How the assertions of a gateway are made. */
export interface AssertionSetup {
  signer: Signer
  /** The resource. */
  issuer: string
  audience: string
}

/** Seconds that an assertion lives: as long as a request is on its way. */
const lifetime = 30

export const assertionField = 'X-AAuth-Assertion'

/**
 * The headers that tell who asks; undefined: nobody. With an assertion there is one header more, which is empty for nobody.
 *
 * @throws AAuthError `upstream_failed` for a value that no header can have, `request_malformed` where that is the delegate
 */
export async function tellIdentity(
  identity: Identity | undefined,
  request: { method: string; rawTarget: string },
  assertion: AssertionSetup | undefined,
): Promise<Readonly<Record<string, string>>> {
  const fields = identity ? fieldsOf(identity) : nobody
  if (!assertion) return fields
  return { ...fields, [assertionField]: identity ? await issueAssertion(identity, request, assertion) : '' }
}

function issueAssertion(
  { level, agent, delegate, thumbprint, iss, sub, scope }: Identity,
  { method, rawTarget }: { method: string; rawTarget: string },
  { signer, issuer, audience }: AssertionSetup,
): Promise<string> {
  const claims: AssertionClaims = {
    iss: issuer,
    aud: audience,
    exp: Date.now() / 1000 + lifetime,
    level,
    agent_jkt: thumbprint,
    method,
    target: rawTarget,
    ...(agent === undefined ? {} : { agent }),
    ...(delegate === undefined ? {} : { agent_delegate: delegate }),
    ...(iss === undefined ? {} : { auth_server: iss }),
    ...(sub === undefined ? {} : { sub }),
    ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
  }
  return issueToken(assertionType, claims, { signer })
}
