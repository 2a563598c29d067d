import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import type { TestWorld } from 'countersign/testing'
import { Hono } from 'hono'

export const api = 'https://api.test'

export interface WorldApi {
  resource: Resource
  /** The routes whose handlers ran, in order. */
  served: string[]
}

/** Adds an API with a route for each level to a world. */
export function openApi(world: TestWorld, options: Partial<ResourceOptions> = {}): WorldApi {
  const resource = createResource({
    id: api,
    scopes: { 'events.read': 'See your events', 'events.write': 'Create and change your events' },
    ...world.forResource,
    ...options,
  })
  const served: string[] = []
  const app = new Hono()
  app.get('/open', (c) => c.text('open'))
  app.get('/signed', aauth(resource, { require: 'signature' }), (c) => c.json({ key: c.var.aauth.thumbprint }))
  app.post('/known', aauth(resource, { require: 'identity' }), (c) => {
    served.push('/known')
    return c.json({ agent: c.var.aauth.agent })
  })
  app.on(['GET', 'POST'], '/events', aauth(resource, { require: 'authorization', scope: 'events.read' }), (c) => {
    served.push('/events')
    const { agent, sub, scope } = c.var.aauth
    return c.json({ agent, sub, scope })
  })
  app.post('/both', aauth(resource, { require: 'authorization', scope: 'events.read events.write' }), (c) => {
    served.push('/both')
    return c.json({ scope: c.var.aauth.scope })
  })
  app.all('*', (c) => resource.handler(c.req.raw))
  world.origins.set(api, (request) => app.fetch(request))
  return { resource, served }
}

/** A request that creates something. */
export const creating = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' } as const
