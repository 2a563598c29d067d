import type { ReceivedMessage } from 'countersign'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { Hono } from 'hono'

/** The API: its routes, and what an agent needs for each. */
export function createApi(options: Omit<ResourceOptions, 'scopes'>) {
  const resource = createResource({
    scopes: { 'calendar.read': 'See your events' }, // shown on the consent page
    ...options,
  })
  const app = new Hono<{ Bindings: ReceivedMessage }>()
  app.get('/events', aauth(resource, { require: 'authorization', scope: 'calendar.read' }), (c) => {
    const { sub } = c.var.aauth // the user; with several auth servers, iss and sub together identify a user
    return c.json({ user: sub, events: ['Lunch at noon'] })
  })
  app.all('*', (c) => resource.handler(c.req.raw, c.env)) // the documents that agents and auth servers read
  return app
}
