import type { AddressInfo } from 'node:net'
import type { ReceivedMessage } from 'countersign'
import { january } from 'countersign/editions'
import { createClientAddress, createNodeListener } from 'countersign/node'
import type { RateLimit, Resource } from 'countersign/resource'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import { type KeyReference, signRequest } from 'countersign/signatures'
import express from 'express'
import fastify, { type FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import Koa, { type Middleware } from 'koa'
import koaMount from 'koa-mount'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  agent,
  agentSigner,
  authServer,
  byAgent,
  byToken,
  id,
  json,
  listen,
  mayRead,
  mayWrite,
  openResource,
  resourceSigner,
} from './events-resource.js'

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()

const mounts: Record<string, (resource: Resource) => Promise<number>> = {
  async node(resource) {
    async function answer(request: Request, received: ReceivedMessage): Promise<Response> {
      const { pathname } = new URL(request.url)
      if (pathname === '/open') return Response.json({ open: true })
      if (pathname === '/twice') {
        const { agent } = await resource.verify(received, mayWrite)
        await resource.verify(received, mayRead)
        return Response.json({ agent })
      }
      if (pathname !== '/events') return resource.handler(request, received)
      if (request.method === 'POST') {
        const { body } = await resource.verify(received, mayWrite)
        return Response.json({ body: JSON.parse(textOf(body)) })
      }
      const { agent, iss, sub } = await resource.verify(received, mayRead)
      return Response.json({ agent, iss, sub })
    }
    return listen(
      createNodeListener(
        (request, received) =>
          answer(request, received as ReceivedMessage).catch((error: unknown) => resource.toResponse(error)),
        {
          origin: id,
        },
      ),
    )
  },

  async hono(resource) {
    const app = new Hono<{ Bindings: ReceivedMessage }>()
    app.get('/open', (c) => c.json({ open: true }))
    app.get('/events', forHono.aauth(resource, mayRead), (c) => {
      const { agent, iss, sub } = c.var.aauth
      return c.json({ agent, iss, sub })
    })
    app.post('/events', forHono.aauth(resource, mayWrite), async (c) => c.json({ body: await c.req.json() }))
    app.all('/twice', forHono.aauth(resource, mayWrite), forHono.aauth(resource, mayRead), (c) => {
      return c.json({ agent: c.var.aauth.agent })
    })
    app.all('*', (c) => resource.handler(c.req.raw, c.env))
    return listen(createNodeListener(app.fetch, { origin: id }))
  },

  async express(resource) {
    const app = express()
    const reads = forExpress.aauth(resource, mayRead)
    const writes = forExpress.aauth(resource, mayWrite)
    app.use(forExpress.aauthDocuments(resource))
    app.get('/open', (_, res) => void res.json({ open: true }))
    app.get('/events', reads, (req, res) => {
      const { agent, iss, sub } = reads.verified(req)
      res.json({ agent, iss, sub })
    })
    app.all('/twice', writes, reads, (req, res) => {
      res.json({ agent: reads.verified(req).agent })
    })
    app.post('/events', writes, (req, res) => void res.json({ body: JSON.parse(textOf(writes.verified(req).body)) }))
    return listen(app)
  },

  async koa(resource) {
    const reads = forKoa.aauth(resource, mayRead)
    const writes = forKoa.aauth(resource, mayWrite)
    const at = (path: string, method: string, ...chain: Middleware[]): Middleware => {
      return (ctx, next) => {
        const isAsked = ctx.path === path && (method === '*' || ctx.method === method)
        const call = async (index: number): Promise<unknown> => chain[index]?.(ctx, () => call(index + 1))
        return isAsked ? call(0) : next()
      }
    }
    const app = new Koa()
    app.use(forKoa.aauthDocuments(resource))
    app.use(
      at('/open', 'GET', (ctx) => {
        ctx.body = { open: true }
      }),
    )
    app.use(
      at('/events', 'GET', reads, (ctx) => {
        const { agent, iss, sub } = reads.verified(ctx)
        ctx.body = { agent, iss, sub }
      }),
    )
    app.use(
      at('/twice', '*', writes, reads, (ctx) => {
        ctx.body = { agent: reads.verified(ctx).agent }
      }),
    )
    app.use(
      at('/events', 'POST', writes, (ctx) => {
        ctx.body = { body: JSON.parse(textOf(writes.verified(ctx).body)) }
      }),
    )
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },

  async fastify(resource) {
    const app = fastify()
    const reads = forFastify.aauth(resource, mayRead)
    const writes = forFastify.aauth(resource, mayWrite)
    app.addHook('onRequest', forFastify.aauthDocuments(resource))
    app.get('/open', async () => ({ open: true }))
    app.get('/events', { preParsing: reads }, async (request) => {
      const { agent, iss, sub } = reads.verified(request)
      return { agent, iss, sub }
    })
    app.all('/twice', { preParsing: [writes, reads] }, async (request) => {
      return { agent: reads.verified(request).agent }
    })
    app.post('/events', { preParsing: writes }, async (request) => ({ body: request.body }))
    return listenWith(app)
  },
}

/** The API below `/api`, if the framework supports mounting, and what was verified there. */
const below: Record<string, (resource: Resource) => Promise<number>> = {
  async node(resource) {
    const answer = async (request: Request, received?: ReceivedMessage) => {
      if (!request.url.startsWith(`${id}/api/`)) return new Response(null, { status: 404 })
      return Response.json((await resource.verify(received as ReceivedMessage, mayRead)).path)
    }
    const refused = (error: unknown) => resource.toResponse(error)
    return listen(createNodeListener((...given) => answer(...given).catch(refused), { origin: id }))
  },

  async hono(resource) {
    const inner = new Hono()
    const reads = forHono.aauth(resource, { ...mayRead, mountPath: '/api' })
    inner.get('/events', reads, (c) => c.json(c.var.aauth.path))
    const app = new Hono()
    app.mount('/api', inner.fetch)
    return listen(createNodeListener(app.fetch, { origin: id }))
  },

  async express(resource) {
    const reads = forExpress.aauth(resource, mayRead)
    const inner = express.Router().get('/events', reads, (req, res) => void res.json(reads.verified(req).path))
    return listen(express().use('/api', inner))
  },

  async koa(resource) {
    const reads = forKoa.aauth(resource, mayRead)
    const inner = new Koa().use(reads).use((ctx) => {
      ctx.body = JSON.stringify(ctx.path === '/events' ? reads.verified(ctx).path : ctx.path)
    })
    const answer = new Koa().use(koaMount('/api', inner)).callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },

  async fastify(resource) {
    const app = fastify()
    const reads = forFastify.aauth(resource, mayRead)
    const inner = async (plugin: FastifyInstance) => {
      plugin.get('/events', { preParsing: reads }, async (request) => JSON.stringify(reads.verified(request).path))
    }
    app.register(inner, { prefix: '/api' })
    return listenWith(app)
  },
}

/** The API behind a proxy on loopback, configured in each framework's own way. */
const behind: Record<string, (resource: Resource) => Promise<number>> = {
  async node(resource) {
    const answer = async (request: Request, received?: ReceivedMessage) => {
      if (request.url !== `${id}/events`) return resource.handler(request, received)
      await resource.verify(received as ReceivedMessage, mayRead)
      return new Response()
    }
    const clientAddress = createClientAddress(['127.0.0.1'])
    return listen(createNodeListener(answer, { origin: id, clientAddress }))
  },

  async hono(resource) {
    const app = new Hono<{ Bindings: ReceivedMessage }>()
    app.get('/events', forHono.aauth(resource, mayRead), (c) => c.body(null))
    app.all('*', (c) => resource.handler(c.req.raw, c.env))
    const clientAddress = createClientAddress(['127.0.0.1'])
    return listen(createNodeListener(app.fetch, { origin: id, clientAddress }))
  },

  async express(resource) {
    const app = express().set('trust proxy', 'loopback')
    app.use(forExpress.aauthDocuments(resource))
    app.get('/events', forExpress.aauth(resource, mayRead), (_, res) => void res.end())
    return listen(app)
  },

  async koa(resource) {
    // With `proxy` alone, Koa uses the first address, which any client can forge.
    const app = new Koa({ proxy: true, maxIpsCount: 1 })
    app.use(forKoa.aauthDocuments(resource)).use(forKoa.aauth(resource, mayRead))
    app.use((ctx) => {
      ctx.body = ''
    })
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },

  async fastify(resource) {
    const app = fastify({ trustProxy: '127.0.0.1' })
    app.addHook('onRequest', forFastify.aauthDocuments(resource))
    app.get('/events', { preParsing: forFastify.aauth(resource, mayRead) }, async () => '')
    return listenWith(app)
  },
}

async function listenWith(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return (app.server.address() as AddressInfo).port
}

/** Signs for the public URL and sends to the port, as a proxy would. */
async function send(port: number, path: string, signatureKey?: KeyReference, init?: RequestInit, sent = init?.body) {
  const plain = new Request(`${id}${path}`, init)
  const { method, headers } = signatureKey
    ? await signRequest(plain, { profile: january.signing, signer: agentSigner, signatureKey })
    : plain
  return fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...(sent ? { body: sent } : {}) })
}

describe.each(Object.entries(mounts))('a resource in %s', (_, mount) => {
  it('responds to an unsigned request with the challenge', async () => {
    const response = await send(await mount(openResource()), '/events')
    expect([response.status, response.headers.get('agent-auth')]).toEqual([401, 'httpsig; identity=?1'])
    expect(await response.json()).toMatchObject({ error: 'invalid_signature' })
  })

  it('gives an agent without a token a resource token', async () => {
    const response = await send(await mount(openResource()), '/events', byAgent)
    expect(response.status).toBe(401)
    expect(response.headers.get('agent-auth')).toMatch(/^httpsig; auth-token; resource_token="/)
  })

  it('tells the handler whom a token is for', async () => {
    const response = await send(await mount(openResource()), '/events?day=1', await byToken('events.read'))
    expect(await response.json()).toEqual({ agent, iss: authServer, sub: 'person-1' })
  })

  it('rejects a token without the scope', async () => {
    const response = await send(await mount(openResource()), '/events', await byToken('events.write'))
    expect(response.status).toBe(403)
  })

  it('passes on the body whose digest was checked', async () => {
    const response = await send(await mount(openResource()), '/events', byAgent, json({ title: 'Tea' }))
    expect(await response.json()).toEqual({ body: { title: 'Tea' } })
  })

  it('rejects a body that is not the signed one', async () => {
    const port = await mount(openResource())
    const response = await send(port, '/events', byAgent, json({ title: 'Tea' }), '{"title":"Pie"}')
    expect(response.status).toBe(401)
  })

  it('serves its document, its keys and resource tokens', async () => {
    const port = await mount(openResource())
    expect(await (await send(port, '/.well-known/aauth-resource')).json()).toMatchObject({ resource: id })
    expect(await (await send(port, '/jwks.json')).json()).toEqual({ keys: [resourceSigner.jwk] })
    const form = { method: 'POST', body: new URLSearchParams({ scope: 'events.read', auth_server: authServer }) }
    const token = await send(port, '/resource/token', byAgent, form, form.body.toString())
    expect([token.status, await token.json()]).toEqual([
      200,
      expect.objectContaining({ resource_token: expect.any(String) }),
    ])
  })

  it('can be mounted twice before a route', async () => {
    const port = await mount(openResource())
    const read = await send(port, '/twice', await byToken('events.read'))
    expect([read.status, await read.json()]).toEqual([200, { agent }])
    expect((await send(port, '/twice', byAgent)).status).toBe(401)
  })

  it('keeps the connection of a refused request open', async () => {
    const { status, headers } = await send(await mount(openResource()), '/events')
    expect([status, headers.get('connection')]).toEqual([401, 'keep-alive'])
  })

  it('over a limit, gives advice for the caller’s level', async () => {
    const port = await mount(openResource({ rateLimit: () => 7 }))
    const { kty, crv = '', x = '' } = agentSigner.jwk
    const askers: [KeyReference, string | null, string][] = [
      [{ scheme: 'hwk', jwk: { kty, crv, x } }, 'httpsig; identity=?1', 'sign as an identified agent, or '],
      [byAgent, 'httpsig; auth-token', "obtain a user's authorization and send the token, or "],
      [await byToken('events.read'), null, ''],
    ]
    for (const [signatureKey, challenge, advice] of askers) {
      const response = await send(port, '/events', signatureKey)
      const { status, headers } = response
      expect([status, headers.get('retry-after'), headers.get('agent-auth')]).toEqual([429, '7', challenge])
      expect(headers.get('content-type')).toMatch(/^application\/json/)
      const error_description = `Too many requests: ${advice}wait for the time given in Retry-After.`
      expect(await response.json()).toEqual({ error: 'too_many_requests', error_description })
    }
    const anonymous = await send(port, '/events')
    expect([anonymous.status, anonymous.headers.get('agent-auth')]).toEqual([401, 'httpsig; identity=?1'])
  })

  it('does not affect other routes', async () => {
    expect(await (await send(await mount(openResource()), '/open')).json()).toEqual({ open: true })
  })
})

describe.each(Object.entries(below))('S29: below a mount path in %s', (_, mount) => {
  it('the full path is the signed one', async () => {
    const port = await mount(openResource())
    for (const path of ['/api/events', '/api/events?a=%7B&a']) {
      const response = await send(port, path, await byToken('events.read'))
      expect([response.status, await response.json()]).toEqual([200, '/api/events'])
    }
  })

  it('rejects a signature over the rest of the path', async () => {
    const port = await mount(openResource())
    const signatureKey = await byToken('events.read')
    const { headers } = await signRequest(new Request(`${id}/events`), {
      profile: january.signing,
      signer: agentSigner,
      signatureKey,
    })
    expect((await fetch(`http://127.0.0.1:${port}/api/events`, { headers })).status).toBe(401)
  })
})

describe.each(Object.entries(behind))('R04: behind a proxy, a resource in %s', (name, mount) => {
  async function addressesOf(open: typeof mount): Promise<unknown[]> {
    const seen: unknown[] = []
    const rateLimit: RateLimit = ({ remoteAddress }) => void seen.push(remoteAddress)
    const port = await open(openResource({ rateLimit }))
    const forged = { headers: { 'x-forwarded-for': '203.0.113.9, 192.0.2.7' } }
    expect((await send(port, '/events', await byToken('events.read'), forged)).status).toBe(200)
    const form = { ...forged, method: 'POST', body: new URLSearchParams({ scope: 'events.read' }) }
    expect((await send(port, '/resource/token', byAgent, form, form.body.toString())).status).toBe(200)
    return seen
  }

  it('counts by the address that the proxy added, on routes and at its own endpoint', async () => {
    expect(await addressesOf(mount)).toEqual(['192.0.2.7', '192.0.2.7'])
  })

  it('counts by the peer if no proxy is configured', async () => {
    expect(await addressesOf(mounts[name] as typeof mount)).toEqual(['127.0.0.1', '127.0.0.1'])
  })
})

describe('express', () => {
  it('also verifies the full target in a router', async () => {
    const app = express()
    const reads = forExpress.aauth(openResource(), mayRead)
    const router = express.Router().get('/events', reads, (req, res) => void res.json(reads.verified(req).sub))
    app.use('/v1', router)
    const response = await send(await listen(app), '/v1/events', await byToken('events.read'))
    expect(await response.json()).toBe('person-1')
  })

  it('says what to do when a parser read the body first', async () => {
    const app = express()
    const writes = forExpress.aauth(openResource(), mayWrite)
    app.use(express.json())
    app.post('/events', writes, (_, res) => void res.json('unreachable'))
    const response = await send(await listen(app), '/events', byAgent, json({ title: 'Tea' }))
    expect([response.status, await response.json()]).toEqual([
      500,
      { error: 'server_error', error_description: expect.stringContaining('Verify first, before any body parser') },
    ])
  })

  it('exposes nothing verified for a request that was refused', async () => {
    const app = express()
    const reads = forExpress.aauth(openResource(), mayRead)
    app.get('/events', (req, res) => {
      expect(() => reads.verified(req)).toThrow('put aauth(…) before the handler of its route')
      res.json('seen')
    })
    expect(await (await send(await listen(app), '/events')).json()).toBe('seen')
  })
})

it.each(['onRequest', 'preValidation', 'preHandler'])(
  'a Fastify gate mounted as %s responds with the hook it must use',
  async (hook) => {
    const app = fastify()
    app.get('/events', { [hook]: forFastify.aauth(openResource(), mayRead) }, async () => 'never')
    const response = await app.inject('/events')
    expect(response.statusCode).toBe(500)
    expect(response.body).toContain('The gate must be registered as a preParsing hook')
  },
)
