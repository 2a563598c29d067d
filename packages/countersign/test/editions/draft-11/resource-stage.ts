import { randomUUID } from 'node:crypto'
import type { Signer } from 'countersign'
import { draft11Jose, draft11Resource, draft11Tokens, parseRequirement } from 'countersign/editions/draft-11'
import { createResource, type Resource, type ResourceOptions, type VerifyRequestOptions } from 'countersign/resource'
import { receiveRequest } from 'countersign/signatures'
import { publishedJwk } from 'countersign/tokens'
import { receivedMessage } from '../../received-message.js'
import {
  agentName,
  boundTo,
  craftRequest,
  craftToken,
  ids,
  newSigner,
  now,
  type WireMessage,
  type WireRequest,
} from './wire.js'

export type TokenKind = 'agent' | 'person' | 'auth'

export const scopes = { 'data.read': 'Read your data', 'data.write': 'Change your data' }

/** The keys of the parties, and of a person server that the resource does not accept. */
export const signers = {
  agent: await newSigner('agent-1'),
  provider: await newSigner('provider-1'),
  personServer: await newSigner('ps-1'),
  otherServer: await newSigner('other-1'),
  resource: await newSigner('resource-1'),
}

export const otherServer = 'https://other.example'

/** A resource of draft -11, with the parties around it. Nothing else is reachable. */
export function openStage(options: Partial<ResourceOptions> = {}) {
  const clock = { now }
  const fetched: string[] = []
  const documents = new Map<string, object>()
  const publish = (issuer: string, dwk: string, signer: Signer, members: object = {}) => {
    documents.set(`${issuer}/.well-known/${dwk}`, { issuer, jwks_uri: `${issuer}/jwks.json`, ...members })
    documents.set(`${issuer}/jwks.json`, { keys: [publishedJwk(signer.jwk, draft11Jose)] })
  }
  const person = (issuer: string) => ({
    person_token_endpoint: `${issuer}/person/token`,
    auth_token_endpoint: `${issuer}/person/authorize`,
    scopes_supported: ['openid', 'email', 'admin'],
  })
  publish(ids.agent, 'aauth-agent.json', signers.provider)
  publish(ids.personServer, 'aauth-person.json', signers.personServer, person(ids.personServer))
  publish(otherServer, 'aauth-person.json', signers.otherServer, person(otherServer))
  const resource = createResource({
    edition: draft11Resource,
    id: ids.resource,
    signer: signers.resource,
    authServers: [ids.personServer],
    scopes,
    now: () => clock.now,
    async fetch(url) {
      fetched.push(url)
      const document = documents.get(url)
      return document ? Response.json(document) : new Response(null, { status: 404 })
    },
    ...options,
  })

  async function send(
    message: WireMessage,
    required: VerifyRequestOptions<'signature' | 'identity' | 'user' | 'authorization'>,
  ) {
    try {
      return { verified: await resource.verify(receivedMessage(message), required), response: undefined }
    } catch (error) {
      return { verified: undefined, response: await resource.toResponse(error) }
    }
  }

  return { resource, clock, fetched, documents, publish, person, send }
}

export type Stage = ReturnType<typeof openStage>

const bases: Record<TokenKind, { issuer: string; signer: Signer; claims: object }> = {
  agent: { issuer: ids.agent, signer: signers.provider, claims: { dwk: 'aauth-agent.json', sub: agentName } },
  person: {
    issuer: ids.personServer,
    signer: signers.personServer,
    claims: { dwk: 'aauth-person.json', sub: 'p1', aud: ids.resource },
  },
  auth: {
    issuer: ids.personServer,
    signer: signers.personServer,
    claims: { dwk: 'aauth-person.json', sub: 'p1', aud: ids.resource, ps: ids.personServer, scope: 'data.read' },
  },
}

/** A token as its issuer makes it, with other claims if given. */
export function tokenOf(kind: TokenKind, claims: Record<string, unknown> = {}, signer?: Signer): Promise<string> {
  const base = bases[kind]
  const common = { iss: base.issuer, jti: randomUUID(), iat: now, exp: now + 300, cnf: boundTo(signers.agent) }
  return craftToken(draft11Tokens[kind].typ, signer ?? base.signer, { ...common, ...base.claims, ...claims })
}

/** A request that the agent signs with a token. */
export async function requestWith(jwt: string, parts: Partial<WireRequest> = {}): Promise<WireMessage> {
  return craftRequest({ signer: signers.agent, key: { scheme: 'jwt', jwt }, ...parts })
}

/** The key of the person server, as its requests name it. */
export const serverKey = { scheme: 'jwks', id: ids.personServer, wellKnown: 'aauth-person.json', kid: 'ps-1' } as const

/** The body of a revocation. */
export const revokes = (jti: string, exp = now + 300) => JSON.stringify({ jti, exp })

/** A revocation as a person server sends it. */
export function revocation(body: string, parts: Partial<WireRequest> = {}): Promise<WireMessage> {
  const also = ['content-type', 'content-digest']
  const signed = { signer: signers.personServer, key: serverKey, method: 'POST', target: '/aauth/revoke', body, also }
  return craftRequest({ ...signed, ...parts })
}

/** The request that a message contains. */
export function requestOf({ method, target, headers, body }: WireMessage): Request {
  return new Request(ids.resource + target, { method, headers, body: body === '' ? null : body })
}

/** The handler's response to a message. */
export async function serve(resource: Resource, message: WireMessage): Promise<Response> {
  const request = requestOf(message)
  return resource.handler(request, receiveRequest(request))
}

/** What a refusal says: its status, and the three headers of the protocol. */
export function said(response: Response | undefined) {
  const header = (name: string) => response?.headers.get(name) ?? undefined
  return {
    status: response?.status,
    requirement: header('aauth-requirement')?.replace(/resource-token="[^"]+"/, 'resource-token="…"'),
    problem: header('signature-error'),
  }
}

/** Where a deferred response says to poll, and the code for the user. */
export function deferralIn(response: Response) {
  const asked = parseRequirement(response.headers.get('aauth-requirement') ?? '')
  return {
    location: response.headers.get('location') ?? '',
    code: asked?.requirement === 'interaction' ? asked.code : '',
    url: asked?.requirement === 'interaction' ? asked.url : '',
  }
}
