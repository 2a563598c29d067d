import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions, type VerifiedRequest } from 'countersign/resource'
import { type DemoWorld, demoDiscovery, demoPath, demoScope, demoScopes, isOnLoopback } from './demo-world.js'

/** Creates the demo's agent, with a new key. */
export async function createDemoAgent(
  world: DemoWorld,
  options: Pick<AgentOptions, 'fetch' | 'fetchDocument' | 'onConsent' | 'consentTimeout'>,
): Promise<Agent> {
  const { ids, interop } = world
  const authServer = ids['auth-server']
  return createAgent({
    ...options,
    id: ids.agent,
    signer: await createSigner(await generatePrivateJwk({ kid: 'key-1' })),
    authServers: [authServer],
    onePerson: true,
    about: { name: 'Demo agent' },
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: [authServer] } : {},
  })
}

/** The level that each path requires. */
const needs = {
  '/data': { require: 'signature' },
  '/data-hwk': { require: 'signature' },
  '/data-jwks': { require: 'identity' },
  [demoPath]: { require: 'authorization', scope: demoScope },
} as const

/** Responses depend on the signer, so they must not be cached. */
const forNobodyElse = { 'cache-control': 'private, no-store', vary: 'Signature-Key' }

const levels = { signature: 'signed', identity: 'identified', authorization: 'authorized' } as const

/** Creates the demo's protected API, with one or two paths for each level. */
export async function createDemoResource(world: DemoWorld, options: Pick<ResourceOptions, 'fetch'>): Promise<Handler> {
  const { ids, interop, isPeer, checksRevocation } = world
  const resource = createResource({
    ...options,
    id: ids.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer: ids['auth-server'],
    scopes: demoScopes,
    discovery: demoDiscovery,
    resourceTokenLifetime: 600,
    denyList: checksRevocation ? {} : undefined,
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { unsignedBodies: isPeer } : {},
  })
  return async function demoResource(request, received) {
    const { pathname } = new URL(request.url)
    if (!isProtected(pathname) || !['GET', 'HEAD', 'POST'].includes(request.method)) return resource.handler(request)
    try {
      const verified = await resource.verify(received ?? request, needs[pathname])
      return Response.json(granted(verified, levels[needs[pathname].require]), { headers: forNobodyElse })
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

function isProtected(path: string): path is keyof typeof needs {
  return Object.hasOwn(needs, path)
}

function granted(verified: VerifiedRequest, level: string): object {
  const { scheme, tokenType, method, agent, delegate } = verified
  return {
    message: 'Access granted',
    data: `This is protected data (${level})`,
    scheme,
    token_type: tokenType ?? null,
    method,
    agent: agent ?? null,
    agent_delegate: delegate ?? null,
    scope: 'scope' in verified ? verified.scope.join(' ') : undefined,
  }
}
