import { january, parseChallenge } from '../entry-points/editions.js'
import { type KeyReference, signRequest } from '../entry-points/signatures.js'
import { decodeToken, parseJsonObject } from '../entry-points/tokens.js'
import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import type { TestClock } from './test-clock.js'
import { lifetimes, type TestGrant, type TestGrants, type TokenChanges } from './test-grants.js'

/** The agent that sends the faulty request. */
export interface FaultSender {
  id: string
  signer: Signer
  /** The user. */
  sub: string
  fetch: typeof globalThis.fetch
  clock: TestClock
  grants: TestGrants
}

/** How a request is signed. */
interface Signing {
  request: Request
  signer: Signer
  reference: KeyReference
  created: number
}

/** The access that a route requires of a token. */
interface Access {
  resource: string
  scope: string
}

type Fault = (request: Request, sender: FaultSender) => Promise<Response>

/** The faults that a request can have. */
export type TestFault = keyof typeof faults

const faults = {
  /** The request is not signed. */
  unsigned: (request, { fetch }) => fetch(request),
  /** The request proves only a key, without an agent. */
  'key-only': (request, sender) => send(signingOf(request, sender, keyReference(sender.signer)), sender),
  /** The request proves the agent, but has no token. */
  'no-token': (request, sender) => send(signingOf(request, sender, agentReference(sender)), sender),
  /** The request is signed with a key that is not the agent's. */
  'other-key': async (request, sender) =>
    send({ ...(await validSigning(request, sender)), signer: await newSigner() }, sender),
  /** The request was signed two minutes ago. */
  'old-signature': async (request, sender) => {
    const signing = await validSigning(request, sender)
    return send({ ...signing, created: signing.created - 120 }, sender)
  },
  /** The body was changed after signing. */
  'changed-body': async (request, sender) => {
    const signed = await sign(await validSigning(request, sender))
    if (signed.body === null) throw new TypeError('changed-body requires a request with a body')
    const body = new Uint8Array([...new Uint8Array(await signed.arrayBuffer()), 32])
    return sender.fetch(new Request(signed.url, { method: signed.method, headers: signed.headers, body }))
  },
  /** The request is a copy of an earlier one. The original is sent first, and takes effect. */
  replayed: async (request, sender) => {
    const signed = await sign(await validSigning(request, sender))
    if (!signed.headers.has('nonce'))
      throw new TypeError(`a ${request.method} request has no nonce, so it may be sent again`)
    const first = await sender.fetch(signed.clone())
    if (!first.ok) throw new TypeError(`the original was refused with ${first.status}: ${await first.text()}`)
    return sender.fetch(signed)
  },
  /** The token has expired. */
  'expired-token': withToken(expired),
  /** The token is not valid yet. */
  'early-token': withToken(({ clock }) => ({ claims: { nbf: clock.now() + 300 } })),
  /** The token lacks the last of the scopes that the route requires. */
  'narrow-token': async (request, sender) => {
    const route = await requireTokenRoute(request, sender)
    const scope = route.scope.split(' ').slice(0, -1).join(' ')
    return send(await tokenSigning(request, sender, { ...route, scope }), sender)
  },
  /** The token is for another API. */
  'wrong-audience': withToken(() => ({ claims: { aud: 'https://other-api.test' } })),
  /** The token was issued by an auth server that the API does not use. */
  'wrong-issuer': withToken(() => ({ claims: { iss: 'https://other-auth.test' } })),
  /** The token was not signed by the auth server. */
  'forged-token': withToken(async ({ grants: { signer } }) => ({
    signer: { ...(await newSigner()), kid: signer.kid },
  })),
  /** The token is bound to another agent's key. */
  'stolen-token': withToken(async () => ({ claims: { cnf: { jwk: (await newSigner()).jwk } } })),
  /**
   * The user revoked the token's grant five seconds ago, so an API with `denyList` rejects it. The clock is advanced by those five seconds.
   */
  'revoked-token': async (request, sender) => {
    const { grants, clock, id: agent, sub } = sender
    const grant = grants.add({ ...(await requireTokenRoute(request, sender)), agent, sub })
    const signing = await grantSigning(request, sender, grant)
    grant.isRevoked = true
    clock.advance(5)
    return send({ ...signing, created: clock.now() }, sender)
  },
} as const satisfies Record<string, Fault>

/** Sends a request with a fault. @throws TypeError if the route does not check for the fault */
export async function sendFault(name: TestFault, request: Request, sender: FaultSender): Promise<Response> {
  if (!Object.hasOwn(faults, name))
    throw new TypeError(`unknown fault: ${String(name)}. Available: ${Object.keys(faults).join(', ')}`)
  return faults[name](request, sender)
}

/** A fault in the token. */
function withToken(change: (sender: FaultSender) => TokenChanges | Promise<TokenChanges>): Fault {
  return async (request, sender) => {
    const route = await requireTokenRoute(request, sender)
    return send(await tokenSigning(request, sender, route, await change(sender)), sender)
  }
}

async function requireTokenRoute(request: Request, sender: FaultSender): Promise<Access> {
  const access = await findAccess(request, sender)
  if (!access) throw new TypeError(`${request.url} does not require a token`)
  return access
}

/** Signs as the route requires, without any fault. */
async function validSigning(request: Request, sender: FaultSender): Promise<Signing> {
  const access = await findAccess(request, sender)
  return access ? tokenSigning(request, sender, access) : signingOf(request, sender, agentReference(sender))
}

/**
 * Sends an expired token, which every route refuses. If the route requires a token, its challenge states the required access, and no
 * handler runs. Undefined if the route requires no token.
 */
async function findAccess(request: Request, sender: FaultSender): Promise<Access | undefined> {
  const { url } = request
  const access = { resource: new URL(url).origin, scope: '' }
  const response = await send(await tokenSigning(request.clone(), sender, access, expired(sender)), sender)
  const header = response.headers.get(january.headers.challenge)
  const text = await response.text()
  const { error } = parseJsonObject(text) ?? {}
  if (response.status !== 401 || header === null || error !== 'expired_auth_token') {
    const hint = response.ok
      ? 'the route verifies nothing'
      : 'does its resource use the authServer, fetch and now from the test world?'
    throw new TypeError(`${url} responded with ${response.status} to an expired token (${hint}): ${text.slice(0, 200)}`)
  }
  const { resourceToken } = parseChallenge(header)
  const scope = resourceToken && decodeToken(resourceToken)?.payload.scope
  return typeof scope === 'string' ? { ...access, scope } : undefined
}

function expired({ clock }: FaultSender): TokenChanges {
  return { claims: { exp: clock.now() - 1, iat: clock.now() - lifetimes.token } }
}

function tokenSigning(request: Request, sender: FaultSender, access: Access, changes?: TokenChanges): Promise<Signing> {
  const { id: agent, sub, grants } = sender
  return grantSigning(request, sender, grants.add({ ...access, agent, sub }), changes)
}

async function grantSigning(
  request: Request,
  sender: FaultSender,
  grant: TestGrant,
  changes?: TokenChanges,
): Promise<Signing> {
  const jwt = await sender.grants.issue(grant, sender.signer.jwk, changes)
  return signingOf(request, sender, { scheme: 'jwt', jwt })
}

function signingOf(request: Request, { signer, clock }: FaultSender, reference: KeyReference): Signing {
  return { request, signer, reference, created: clock.now() }
}

function agentReference({ id, signer }: FaultSender): KeyReference {
  return { scheme: 'jwks', id, kid: signer.kid, wellKnown: january.documents.agent.name }
}

function keyReference({ jwk }: Signer): KeyReference {
  const { kid: _kid, alg: _alg, use: _use, ...members } = jwk
  return { scheme: 'hwk', jwk: members }
}

async function send(signing: Signing, { fetch }: FaultSender): Promise<Response> {
  return fetch(await sign(signing))
}

function sign({ request, signer, reference, created }: Signing): Promise<Request> {
  return signRequest(request, { profile: january.signing, signer, signatureKey: reference, created })
}

async function newSigner(): Promise<Signer> {
  return createSigner(await generatePrivateJwk())
}
