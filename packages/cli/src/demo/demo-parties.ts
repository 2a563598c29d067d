import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions, type VerifiedRequest } from 'countersign/resource'
import { type DemoWorld, demoDiscovery, demoScopes, isOnLoopback } from './demo-world.js'

/** Creates the demo's agent. */
export function createDemoAgent(
  world: DemoWorld,
  options: Pick<AgentOptions, 'signer' | 'fetch' | 'fetchDocument' | 'onConsent' | 'consentTimeout'>,
): Agent {
  const { ids, edition } = world
  return createAgent({
    ...edition.agentOptions(world),
    ...options,
    id: ids.agent,
    authServers: [ids['auth-server']],
    onePerson: true,
    about: { name: 'Demo agent' },
    allowInsecureLoopback: isOnLoopback(world),
  })
}

/** Responses depend on the signer, so they must not be cached. */
const forNobodyElse = { 'cache-control': 'private, no-store', vary: 'Signature-Key' }

/** Creates the demo's protected API, with one or two paths for each level. */
export async function createDemoResource(
  world: DemoWorld,
  options: Pick<ResourceOptions, 'fetch' | 'now'>,
): Promise<Handler> {
  const { ids, edition } = world
  const { needs, levels, describe } = edition
  const resource = createResource({
    ...edition.resourceOptions(world),
    ...options,
    id: ids.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    scopes: demoScopes,
    discovery: demoDiscovery,
    resourceTokenLifetime: 600,
    allowInsecureLoopback: isOnLoopback(world),
  })
  return async function demoResource(request, received) {
    const { pathname } = new URL(request.url)
    const need = Object.hasOwn(needs, pathname) ? needs[pathname] : undefined
    if (!need || !['GET', 'HEAD', 'POST'].includes(request.method)) return resource.handler(request, received)
    try {
      const verified = await resource.verify(received ?? request, need)
      const body = { ...granted(verified, levels[need.require] ?? need.require), ...describe(verified) }
      return Response.json(body, { headers: forNobodyElse })
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

function granted(verified: VerifiedRequest, level: string): object {
  const { scheme, tokenType, method } = verified
  return {
    message: 'Access granted',
    data: `This is protected data (${level})`,
    scheme,
    token_type: tokenType ?? null,
    method,
  }
}
