import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { AAuthError, type VerifiedRequest } from 'countersign/resource'
import { issueToken, type RegisteredClaims, registeredNames, type TokenType } from 'countersign/tokens'
import type { Level } from './routes/route.js'

/** What proves the caller: the signature of its key, or an OAuth access token, which works for anyone who has it. */
export type Proof = 'signature' | 'bearer'

/** The verified caller. */
export interface Identity {
  level: Level
  proof: Proof
  /** For `bearer`: the `client_id`. */
  agent: string | undefined
  delegate: string | undefined
  /** Undefined for `bearer`. */
  thumbprint: string | undefined
  iss: string | undefined
  sub: string | undefined
  scope: readonly string[]
}

/**
 * The caller, as verified at the level that the route requires. A user is set only for `user` and `authorization`, and scopes only for
 * `authorization`, even if the request proves them.
 */
export function identityOf(verified: VerifiedRequest, level: Level): Identity {
  const { agent, delegate, scheme, thumbprint, authorization } = verified
  const proof = scheme === 'bearer' ? 'bearer' : 'signature'
  const allowed = level === 'authorization' && authorization ? authorization : undefined
  const user = level === 'user' && 'claims' in verified ? verified.claims : allowed?.claims
  const { iss, sub } = user ?? { iss: undefined, sub: undefined }
  return { level, proof, agent, delegate, thumbprint, iss, sub, scope: allowed?.scope ?? [] }
}

/** The headers that identify the caller to the upstream (W29). All of them are always sent; unknown values are empty. */
const identityHeaderValues = {
  'X-AAuth-Level': ({ level }) => level,
  'X-AAuth-Proof': ({ proof }) => proof,
  'X-AAuth-Agent-Server': ({ agent }) => agent,
  'X-AAuth-Delegate': ({ delegate }) => delegate,
  'X-AAuth-JKT': ({ thumbprint }) => thumbprint,
  'X-AAuth-Issuer': ({ iss }) => iss,
  'X-AAuth-Subject': ({ sub }) => sub,
  'X-AAuth-Scope': ({ scope }) => scope.join(' '),
} as const satisfies Record<string, (identity: Identity) => string | undefined>

/** The headers of a request that was not verified. */
const noIdentity = Object.freeze(Object.fromEntries(Object.keys(identityHeaderValues).map((name) => [name, ''])))

function fieldsOf(identity: Identity): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const [name, read] of Object.entries(identityHeaderValues)) {
    const value = read(identity) ?? ''
    if (!isSendable(value)) throw refusalOf(name)
    fields[name] = value
  }
  return fields
}

/** Printable ASCII without leading or trailing spaces. Recipients of a header strip such spaces, so ` ann` would become `ann`. */
function isSendable(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value) && value.trim() === value
}

/** The agent server chose the delegate's name, so an invalid name is the caller's error, not the API's. */
function refusalOf(name: string): AAuthError {
  const problem = `${name} is not printable ASCII without leading or trailing spaces, so it cannot be sent to the API.`
  return new AAuthError(name === 'X-AAuth-Delegate' ? 'request_malformed' : 'upstream_failed', problem)
}

/** The claims of an assertion: the verified caller of one request. Claims that also exist in tokens have the same names. */
export interface AssertionClaims extends RegisteredClaims {
  /** The URL of the API. */
  aud: string
  level: Level
  proof: Proof
  agent?: string
  agent_delegate?: string
  agent_jkt?: string
  /** The OAuth client, instead of an agent, if an access token is the proof. */
  client_id?: string
  /** The auth server that issued the auth token. */
  auth_server?: string
  sub?: string
  scope?: string
  /** The request for which the assertion is issued. It is not valid for any other request. */
  method: string
  target: string
}

/** Differs from the `typ` of every token in the protocol, so that no token signed with the resource's key can be used as another kind. */
export const assertionType: TokenType<AssertionClaims> = {
  typ: 'gateway-assertion+jwt',
  jose: registeredNames,
  issuerDocument: january.documents.resource,
  required: [
    ['iss', 'identifier'],
    ['exp', 'seconds'],
    ['level', 'string'],
    ['method', 'string'],
    ['target', 'string'],
  ],
  optional: [
    ['agent_jkt', 'thumbprint'],
    ['agent', 'identifier'],
    ['agent_delegate', 'string'],
    ['client_id', 'string'],
    ['auth_server', 'identifier'],
    ['sub', 'string'],
    ['scope', 'string'],
  ],
  audience: 'required',
  problem({ proof, agent_jkt: thumbprint, client_id: client }) {
    const proven = proof === 'signature' ? thumbprint : proof === 'bearer' ? client : undefined
    return proven === undefined
      ? 'its proof is unknown, or it does not name the key or client of that proof'
      : undefined
  },
  maxLifetime: 60,
  invalid: 'auth_token_invalid',
  expired: 'auth_token_expired',
}

export interface AssertionOptions {
  /** The resource's own key, as published in its documents. */
  signer: Signer
  /** The audience. @default the upstream's URL; required for subrequests */
  audience?: string | undefined
}

/** The settings for issuing assertions. */
export interface AssertionSetup {
  signer: Signer
  /** The identifier of the resource. */
  issuer: string
  audience: string
}

/** Lifetime of an assertion, in seconds: long enough for one request. */
const lifetime = 30

export const assertionField = 'X-AAuth-Assertion'

/**
 * The headers that identify the caller to the API; all are empty if nothing was verified. With assertions, one more header is added.
 *
 * @throws AAuthError `upstream_failed` for a value that no header can contain; `request_malformed` if that value is the delegate's name
 */
export async function identityHeaders(
  identity: Identity | undefined,
  request: { method: string; rawTarget: string },
  assertion: AssertionSetup | undefined,
): Promise<Readonly<Record<string, string>>> {
  const fields = identity ? fieldsOf(identity) : noIdentity
  if (!assertion) return fields
  return { ...fields, [assertionField]: identity ? await issueAssertion(identity, request, assertion) : '' }
}

function issueAssertion(
  { level, proof, agent, delegate, thumbprint, iss, sub, scope }: Identity,
  { method, rawTarget }: { method: string; rawTarget: string },
  { signer, issuer, audience }: AssertionSetup,
): Promise<string> {
  const claims: AssertionClaims = {
    iss: issuer,
    aud: audience,
    exp: Date.now() / 1000 + lifetime,
    level,
    proof,
    method,
    target: rawTarget,
    ...(thumbprint === undefined ? {} : { agent_jkt: thumbprint }),
    ...(agent === undefined ? {} : proof === 'bearer' ? { client_id: agent } : { agent }),
    ...(delegate === undefined ? {} : { agent_delegate: delegate }),
    ...(iss === undefined ? {} : { auth_server: iss }),
    ...(sub === undefined ? {} : { sub }),
    ...(scope.length === 0 ? {} : { scope: scope.join(' ') }),
  }
  return issueToken(assertionType, claims, { signer })
}
