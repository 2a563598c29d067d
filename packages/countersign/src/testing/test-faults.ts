import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import { type KeyReference, type SigningForm, signRequest } from '../low-level-exports/signatures.js'
import type { TestClock } from './test-clock.js'
import { lifetimes, type TestGrant, type TestGrants, type TokenChanges } from './test-grants.js'

/** How an edition's agents prove who they are, and what its resources say about requests that they refuse. */
export interface FaultForm {
  readonly profile: SigningForm
  /** Proves only a key. Undefined if the edition has no such requests. */
  readonly keyReference: ((signer: Signer) => KeyReference) | undefined
  /** Proves the agent. */
  agentReference(sender: FaultSender): Promise<KeyReference>
  /** Issues a token for a grant, bound to the sender's key, optionally with changed claims or signed by another key. */
  issue(sender: FaultSender, grant: TestGrant, changes?: TokenChanges): Promise<string>
  /**
   * The scope that a route requires of a token, from its refusal of an expired token: undefined if it requires no token. Undefined if the
   * response is no such refusal.
   */
  accessIn(refusal: Response, text: string, api: FaultyApi): Promise<{ scope: string | undefined } | undefined>
  /** The scopes without the last one that the route requires. @param send sends the request with a token for a scope */
  narrow(scope: string, send: (scope: string) => Promise<Response>): Promise<string>
  /** Revokes a grant and its token. */
  revoke(sender: FaultSender, grant: TestGrant, jwt: string): Promise<void>
}

/** The API that receives the faulty request. */
interface FaultyApi {
  resource: string
  fetch: typeof globalThis.fetch
}

/** The agent that sends the faulty request. */
export interface FaultSender {
  form: FaultForm
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
  profile: SigningForm
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
  'key-only': async (request, sender) => {
    const { keyReference } = sender.form
    if (!keyReference) throw new TypeError('key-only does not exist in this edition: all its requests prove an agent')
    return send(signingOf(request, sender, keyReference(sender.signer)), sender)
  },
  /** The request proves the agent, but has no token. */
  'no-token': async (request, sender) =>
    send(signingOf(request, sender, await sender.form.agentReference(sender)), sender),
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
    if (!signed.headers.has('nonce') && !signed.headers.get('signature-input')?.includes(';nonce='))
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
    const sendWith = async (scope: string) =>
      send(await tokenSigning(request.clone(), sender, { ...route, scope }), sender)
    return sendWith(await sender.form.narrow(route.scope, sendWith))
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
  /** The user revoked the token's grant, so an API that learns of revocations rejects it. The clock may be advanced by a few seconds. */
  'revoked-token': async (request, sender) => {
    const { grants, form, id: agent, sub } = sender
    const grant = grants.add({ ...(await requireTokenRoute(request, sender)), agent, sub })
    const jwt = await form.issue(sender, grant)
    await form.revoke(sender, grant, jwt)
    return send(signingOf(request, sender, { scheme: 'jwt', jwt }), sender)
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
  if (access) return tokenSigning(request, sender, access)
  return signingOf(request, sender, await sender.form.agentReference(sender))
}

/**
 * Sends an expired token, which every route refuses. If the route requires a token, its challenge states the required access, and no
 * handler runs. Undefined if the route requires no token.
 */
async function findAccess(request: Request, sender: FaultSender): Promise<Access | undefined> {
  const { url } = request
  const access = { resource: new URL(url).origin, scope: '' }
  const response = await send(await tokenSigning(request.clone(), sender, access, expired(sender)), sender)
  const text = await response.clone().text()
  const found = await sender.form.accessIn(response, text, { resource: access.resource, fetch: sender.fetch })
  if (found) return found.scope === undefined ? undefined : { ...access, scope: found.scope }
  const hint = response.ok
    ? 'the route verifies nothing'
    : 'does its resource use the authServer, fetch and now from the test world?'
  throw new TypeError(`${url} responded with ${response.status} to an expired token (${hint}): ${text.slice(0, 200)}`)
}

function expired({ clock }: FaultSender): TokenChanges {
  return { claims: { exp: clock.now() - 1, iat: clock.now() - lifetimes.token } }
}

async function tokenSigning(
  request: Request,
  sender: FaultSender,
  access: Access,
  changes?: TokenChanges,
): Promise<Signing> {
  const { id: agent, sub, grants } = sender
  const jwt = await sender.form.issue(sender, grants.add({ ...access, agent, sub }), changes)
  return signingOf(request, sender, { scheme: 'jwt', jwt })
}

function signingOf(request: Request, { form, signer, clock }: FaultSender, reference: KeyReference): Signing {
  return { request, profile: form.profile, signer, reference, created: clock.now() }
}

async function send(signing: Signing, { fetch }: FaultSender): Promise<Response> {
  return fetch(await sign(signing))
}

function sign({ request, profile, signer, reference, created }: Signing): Promise<Request> {
  return signRequest(request, { profile, signer, signatureKey: reference, created })
}

async function newSigner(): Promise<Signer> {
  return createSigner(await generatePrivateJwk())
}
