import { createSigner, generatePrivateJwk } from 'countersign'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions, type VerifiedRequest } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { Hono } from 'hono'
import { type DemoWorld, demoDiscovery, demoPath, demoScope, demoScopes, isOnLoopback } from './demo-world.js'

const methods = ['GET', 'POST']

/** The demo's protected API: one route for each level. */
export async function createDemoResource(world: DemoWorld, options: Pick<ResourceOptions, 'fetch'>): Promise<Handler> {
  const { ids, interop, isPeer } = world
  const resource = createResource({
    ...options,
    id: ids.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer: ids['auth-server'],
    scopes: demoScopes,
    discovery: demoDiscovery,
    resourceTokenLifetime: 600,
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { unsignedBodies: isPeer } : {},
  })
  const app = new Hono()
  app.on(methods, ['/data', '/data-hwk'], aauth(resource, { require: 'signature' }), (c) => {
    return c.json(granted(c.var.aauth, 'signed'))
  })
  app.on(methods, '/data-jwks', aauth(resource, { require: 'identity' }), (c) => {
    return c.json(granted(c.var.aauth, 'identified'))
  })
  app.on(methods, demoPath, aauth(resource, { require: 'authorization', scope: demoScope }), (c) => {
    return c.json({ ...granted(c.var.aauth, 'authorized'), scope: c.var.aauth.scope.join(' ') })
  })
  app.all('*', (c) => resource.handler(c.req.raw))
  return (request, received) => app.fetch(request, received)
}

function granted({ scheme, tokenKind, method, agent, delegate }: VerifiedRequest<'signature'>, level: string): object {
  return {
    message: 'Access granted',
    data: `This is protected data (${level})`,
    scheme,
    token_type: tokenKind ?? null,
    method,
    agent: agent ?? null,
    agent_delegate: delegate ?? null,
  }
}
