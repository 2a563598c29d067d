import { january, parseChallenge } from '../entry-points/editions.js'
import { type KeyReference, signRequest } from '../entry-points/signatures.js'
import { decodeToken, parseJsonObject } from '../entry-points/tokens.js'
import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import type { TestClock } from './test-clock.js'
import { lifetimes, type TestGrant, type TestGrants, type TokenChanges } from './test-grants.js'

/** Who sends what is wrong. */
export interface FaultSender {
  id: string
  signer: Signer
  /** The person. */
  sub: string
  fetch: typeof globalThis.fetch
  clock: TestClock
  grants: TestGrants
}

/** What a request is signed with. */
interface Signing {
  request: Request
  signer: Signer
  reference: KeyReference
  created: number
}

/** What a token must say for a route. */
interface Access {
  resource: string
  scope: string
}

type Fault = (request: Request, sender: FaultSender) => Promise<Response>

/** What can be wrong with a request. */
export type TestFault = keyof typeof faults

const faults = {
  /** It has no signature. */
  unsigned: (request, { fetch }) => fetch(request),
  /** It proves a key, and no agent. */
  'key-only': (request, sender) => send(signingOf(request, sender, keyReference(sender.signer)), sender),
  /** It proves the agent, and has no token. */
  'no-token': (request, sender) => send(signingOf(request, sender, agentReference(sender)), sender),
  /** It is signed with a key that is not the agent's. */
  'other-key': async (request, sender) =>
    send({ ...(await rightSigning(request, sender)), signer: await newSigner() }, sender),
  /** It was signed two minutes ago. */
  'old-signature': async (request, sender) => {
    const signing = await rightSigning(request, sender)
    return send({ ...signing, created: signing.created - 120 }, sender)
  },
  /** Its body was changed on the way. */
  'changed-body': async (request, sender) => {
    const signed = await sign(await rightSigning(request, sender))
    if (signed.body === null) throw new TypeError('changed-body needs a request with a body')
    const body = new Uint8Array([...new Uint8Array(await signed.arrayBuffer()), 32])
    return sender.fetch(new Request(signed.url, { method: signed.method, headers: signed.headers, body }))
  },
  /** Somebody sends a copy of it; the original is sent first, and does what it does. */
  replayed: async (request, sender) => {
    const signed = await sign(await rightSigning(request, sender))
    if (!signed.headers.has('nonce')) throw new TypeError(`a ${request.method} has no nonce, and may be sent again`)
    const first = await sender.fetch(signed.clone())
    if (!first.ok) throw new TypeError(`the original was refused with ${first.status}: ${await first.text()}`)
    return sender.fetch(signed)
  },
  /** Its token has expired. */
  'expired-token': withToken(expired),
  /** Its token is not valid yet. */
  'early-token': withToken(({ clock }) => ({ claims: { nbf: clock.now() + 300 } })),
  /** Its token lacks the last of the scopes that the route asks for. */
  'narrow-token': async (request, sender) => {
    const route = await requireTokenRoute(request, sender)
    const scope = route.scope.split(' ').slice(0, -1).join(' ')
    return send(await tokenSigning(request, sender, { ...route, scope }), sender)
  },
  /** Its token is for another API. */
  'wrong-audience': withToken(() => ({ claims: { aud: 'https://other-api.test' } })),
  /** Its token is from an auth server that the API did not choose. */
  'wrong-issuer': withToken(() => ({ claims: { iss: 'https://other-auth.test' } })),
  /** Its token was not signed by the auth server. */
  'forged-token': withToken(async ({ grants: { signer } }) => ({
    signer: { ...(await newSigner()), kid: signer.kid },
  })),
  /** Its token is bound to the key of another agent. */
  'stolen-token': withToken(async () => ({ claims: { cnf: { jwk: (await newSigner()).jwk } } })),
  /** The person took it back, five seconds ago: an API with `denyList` knows. The clock moves by these. */
  'revoked-token': async (request, sender) => {
    const { grants, clock, id: agent, sub } = sender
    const grant = grants.add({ ...(await requireTokenRoute(request, sender)), agent, sub })
    const signing = await grantSigning(request, sender, grant)
    grant.isTakenBack = true
    clock.advance(5)
    return send({ ...signing, created: clock.now() }, sender)
  },
} as const satisfies Record<string, Fault>

/** Sends a request with a fault; @throws TypeError where the route does not ask for what the fault is about */
export async function sendFault(name: TestFault, request: Request, sender: FaultSender): Promise<Response> {
  if (!Object.hasOwn(faults, name))
    throw new TypeError(`no such fault: ${String(name)}. There are ${Object.keys(faults).join(', ')}`)
  return faults[name](request, sender)
}

/** A fault that is in the token. */
function withToken(change: (sender: FaultSender) => TokenChanges | Promise<TokenChanges>): Fault {
  return async (request, sender) => {
    const route = await requireTokenRoute(request, sender)
    return send(await tokenSigning(request, sender, route, await change(sender)), sender)
  }
}

async function requireTokenRoute(request: Request, sender: FaultSender): Promise<Access> {
  const access = await findAccess(request, sender)
  if (!access) throw new TypeError(`${request.url} asks for no token`)
  return access
}

/** What the route asks for, and nothing wrong with it. */
async function rightSigning(request: Request, sender: FaultSender): Promise<Signing> {
  const access = await findAccess(request, sender)
  return access ? tokenSigning(request, sender, access) : signingOf(request, sender, agentReference(sender))
}

/**
 * Shows an expired token, which no route lets pass: one that asks for a token says for which, and handlers do not run.
 * Undefined: it asks for none.
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
      ? 'nothing is verified there'
      : 'its resource needs authServer, fetch and now of the test world'
    throw new TypeError(`${url} answered ${response.status} to an expired token (${hint}): ${text.slice(0, 200)}`)
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
