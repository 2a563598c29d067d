import { createSigner, generatePrivateJwk } from 'countersign'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions, type VerifiedRequest } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { Hono } from 'hono'
import { demoIds, demoScope, demoScopes } from './demo-world.js'

/** The demo's protected API: one route for each level. */
export async function createDemoResource(options: Pick<ResourceOptions, 'fetch'>): Promise<Handler> {
  const resource = createResource({
    ...options,
    id: demoIds.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer: demoIds['auth-server'],
    scopes: demoScopes,
    resourceTokenLifetime: 600,
    allowInsecureLoopback: true,
  })
  const app = new Hono()
  app.get('/data', aauth(resource, { require: 'signature' }), (c) => c.json(granted(c.var.aauth, 'signed')))
  app.get('/data-hwk', aauth(resource, { require: 'signature' }), (c) => c.json(granted(c.var.aauth, 'signed')))
  app.get('/data-jwks', aauth(resource, { require: 'identity' }), (c) => c.json(granted(c.var.aauth, 'identified')))
  app.get('/data-auth', aauth(resource, { require: 'authorization', scope: demoScope }), (c) => {
    return c.json({ ...granted(c.var.aauth, 'authorized'), scope: c.var.aauth.scope.join(' ') })
  })
  app.all('*', (c) => resource.handler(c.req.raw))
  return async (request, received) => {
    const incoming = received && { url: received.rawTarget, rawHeaders: received.rawHeaders }
    return app.fetch(request, { incoming })
  }
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
