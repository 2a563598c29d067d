import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { onTestFinished } from 'vitest'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'

export const id = 'https://api.example'
export const agent = 'https://agent.example'
export const authServer = 'https://auth.example'
const newSigner = async () => createSigner(await generatePrivateJwk({ kid: 'key-1' }))
export const [resourceSigner, agentSigner, issuerSigner] = await Promise.all([newSigner(), newSigner(), newSigner()])
export const byAgent: KeyReference = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' }
export const mayRead = { require: 'authorization', scope: 'events.read' } as const
export const mayWrite = { require: 'identity' } as const

/** A resource that knows the agent and the auth server. */
export function openResource(
  options: Pick<ResourceOptions, 'claimNonce' | 'maxBody' | 'onEvent' | 'rateLimit'> = {},
): Resource {
  const { fetch } = documentFetch({
    ...agentDocuments(agent, [agentSigner.jwk]),
    ...issuerDocuments(authServer, [issuerSigner.jwk]),
  })
  const scopes = { 'events.read': 'See your events' }
  return createResource({ id, signer: resourceSigner, authServer, fetch, scopes, ...options })
}

export async function byToken(
  scope: string,
  more: { sub?: string; exp?: number; agent_delegate?: string } = {},
): Promise<KeyReference> {
  const claims = {
    iss: authServer,
    aud: id,
    agent,
    sub: 'person-1',
    scope,
    cnf: { jwk: agentSigner.jwk },
    exp: Math.floor(Date.now() / 1000) + 600,
    ...more,
  }
  return { scheme: 'jwt', jwt: await issueToken(january.tokens.auth, claims, { signer: issuerSigner }) }
}

/** A request for the public URL, signed by the agent. */
export function signed(path: string, init?: RequestInit, signatureKey = byAgent): Promise<Request> {
  return signRequest(new Request(`${id}${path}`, init), { profile: january.signing, signer: agentSigner, signatureKey })
}

export const json = (body: unknown) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})

/** Makes a server listen on loopback until the test ends. */
export async function listenWith(server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export const listen = (listener: RequestListener): Promise<number> => listenWith(createServer(listener))
