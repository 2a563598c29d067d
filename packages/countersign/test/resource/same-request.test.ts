import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Transform } from 'node:stream'
import { createNodeListener } from 'countersign/node'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import express from 'express'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { methodOverride } from 'hono/method-override'
import Koa, { type Context, type Middleware } from 'koa'
import koaMount from 'koa-mount'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange } from '../attacks/raw-http.js'
import { id, json, listen, mayWrite, openResource, signed } from './events-resource.js'

interface Sent {
  /** The signed request. @default the sent request */
  path?: string
  headers?: Record<string, string>
  /** Added after signing. */
  added?: string
}

/** Signs a request and sends it to a port; returns the response and the handlers that ran. */
async function send(
  port: number,
  target: string,
  init: RequestInit = {},
  { path = target, headers, added }: Sent = {},
) {
  const request = await signed(path, init)
  for (const [name, value] of Object.entries(headers ?? {})) request.headers.set(name, value)
  const body = added ?? (init.body === undefined ? '' : await request.text())
  const answer = await exchange(port, {
    method: request.method,
    target,
    headers: [['host', 'api.example'], ...request.headers],
    body,
  })
  return { ...answer, text: `${answer.status} ${answer.body}` }
}

const changed = (part: string) =>
  expect.stringMatching(
    new RegExp(`^500 \\{"error":"server_error","error_description":"The handler would receive a different ${part} `),
  )
const uncovered = expect.stringMatching(/^401 .*does not cover content-type/)
const wrongDigest = expect.stringMatching(/^401 .*digest that the signature covers/)
const mismatch = expect.stringMatching(/^401 .*compare the signature base/)
const form = (body: string) => ({ method: 'POST', body: new URLSearchParams(body) })

describe('hono, if the message on the wire is known', () => {
  function open(...before: MiddlewareHandler[]) {
    const ran: string[] = []
    const app = new Hono()
    for (const middleware of before) app.use(middleware)
    const may = forHono.aauth(openResource(), mayWrite)
    app.all('/events', may, async (c) => {
      ran.push(c.req.method)
      return c.text(await c.req.text())
    })
    const mounted = new Hono()
    mounted.all('/untold', may, (c) => c.text('untold'))
    mounted.all('*', forHono.aauth(openResource(), { ...mayWrite, mountPath: '/api' }), (c) =>
      c.text(`mounted ${c.req.path}`),
    )
    app.mount('/api', mounted.fetch)
    return {
      app,
      ran,
      onNode: () => listen(createNodeListener(app.fetch, { origin: id })),
      onHonoServer: () => listen((incoming, outgoing) => void answerAsHonoServer(app, incoming, outgoing)),
    }
  }

  /** Like `@hono/node-server`: the Request reads the stream, unless its method has no body. */
  async function answerAsHonoServer(app: Hono, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', rawHeaders } = incoming
    const headers = Array.from({ length: rawHeaders.length / 2 }, (_, i) => rawHeaders.slice(2 * i, 2 * i + 2))
    const body = method === 'GET' || method === 'HEAD' ? null : (Readable.toWeb(incoming) as ReadableStream)
    const init = { method, headers: headers as [string, string][], body, duplex: 'half' as const }
    const request = new Request(id + url, init)
    const response = await app.fetch(request, { incoming, outgoing })
    const content = Buffer.from(await response.arrayBuffer())
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), 'content-length': content.length })
    outgoing.end(content)
  }

  /** Replaces the request with a modified one. */
  const replaced = (change: (request: Request) => Request): MiddlewareHandler =>
    async function replaceRequest(c, next) {
      c.req.raw = change(c.req.raw)
      await next()
    }

  describe.each(['onNode', 'onHonoServer'] as const)('%s', (place) => {
    it.each([
      ['nothing', undefined],
      ['a body limit, which wraps the body', bodyLimit({ maxSize: 1000 })],
    ])('passes with earlier middleware: %s', async (_claim, middleware) => {
      const { ran, ...places } = open(...(middleware ? [middleware] : []))
      const port = await places[place]()
      expect((await send(port, '/events?a=1', json({ a: 1 }))).text).toBe('200 {"a":1}')
      expect((await send(port, '/events', { method: 'GET' })).text).toBe('200 ')
      expect(ran).toEqual(['POST', 'GET'])
    })

    it.each<[string, Parameters<typeof methodOverride>[0]['header'], string, RequestInit, Record<string, string>]>([
      ['header', 'X-HTTP-Method-Override', '/events', json({ a: 1 }), { 'x-http-method-override': 'DELETE' }],
      [
        'header, without a body',
        'X-HTTP-Method-Override',
        '/events',
        { method: 'POST' },
        { 'x-http-method-override': 'DELETE' },
      ],
      ['header, to GET', 'X-HTTP-Method-Override', '/events', { method: 'POST' }, { 'x-http-method-override': 'GET' }],
      ['query', undefined, '/events?_method=DELETE', { method: 'POST' }, {}],
      ['form', undefined, '/events', form('_method=DELETE&a=1'), {}],
    ])(
      'S46: a method override by %s causes a 500, and no handler runs',
      async (claim, header, target, init, headers) => {
        const by = header ? { header } : claim === 'query' ? { query: '_method' } : {}
        const opened = open(async (c, next) => methodOverride({ app: opened.app, ...by })(c, next))
        const { text } = await send(await opened[place](), target, init, { headers })
        // If only the Request has the body, the overridden one is rejected because of its digest.
        expect(text).toEqual(claim === 'form' && place === 'onHonoServer' ? wrongDigest : changed('method'))
        expect(opened.ran).toEqual([])
      },
    )

    it('S29: a stripped mount path is not a difference; without it nothing verifies', async () => {
      const { [place]: listening } = open()
      const port = await listening()
      expect((await send(port, '/api/x?a=1')).text).toBe('200 mounted /x')
      expect((await send(port, '/api')).text).toBe('200 mounted /')
      expect((await send(port, '/api/')).text).toBe('200 mounted /')
      expect((await send(port, '/api/x', {}, { path: '/x' })).text).toEqual(mismatch)
      expect((await send(port, '/api/untold')).text, 'a mount path that aauth was not told').toEqual(changed('path'))
    })

    it.each([
      ['part of the path', '/public/events'],
      ['root', '/public/'],
    ])('S29: the %s alone is a different path from the one sent', async (_claim, target) => {
      const { ran, app, ...places } = open(
        replaced((request) => new Request(request.url.replace('/public', ''), request)),
      )
      const may = forHono.aauth(openResource(), mayWrite)
      app.all('/public/*', may, (c) => c.text('ran'))
      expect((await send(await places[place](), target, { method: 'POST' })).text).toEqual(changed('path'))
      expect(ran).toEqual([])
    })

    it.each([
      ['method', (request: Request) => new Request(request, { method: 'PUT' })],
      ['query', (request: Request) => new Request(`${request.url}?a=1`, request)],
      ['path', (request: Request) => new Request(request.url.replace('/events', '/other'), request)],
    ])('a different %s in a replaced request causes a 500', async (part, change) => {
      const { ran, ...places } = open(replaced(change))
      expect((await send(await places[place](), '/events', json({ a: 1 }))).text).toEqual(changed(part))
      expect(ran).toEqual([])
    })

    it('a different media type causes a 500', async () => {
      const { ran, ...places } = open(
        replaced((request) => {
          const headers = new Headers(request.headers)
          headers.set('content-type', 'text/plain')
          return new Request(request, { headers })
        }),
      )
      expect((await send(await places[place](), '/events', json({ a: 1 }))).text).toEqual(changed('body'))
      expect(ran).toEqual([])
    })

    it.each(['GET', 'HEAD', 'POST', 'DELETE'])('S48: a body added to %s is rejected', async (method) => {
      const { ran, ...places } = open()
      const { text } = await send(await places[place](), '/events', { method }, { added: '{"to":"mallory"}' })
      expect(text).toEqual(method === 'GET' || method === 'HEAD' ? expect.stringMatching(/^400 /) : uncovered)
      expect(ran).toEqual([])
    })
  })

  it.each([
    [
      'another',
      (request: Request) => new Request(request, { method: 'POST', body: '{"to":"mallory"}' }),
      json({ to: 'alice' }),
    ],
    ['a same-length', (request: Request) => new Request(request, { method: 'POST', body: '{"a":2}' }), json({ a: 1 })],
    [
      'none',
      (request: Request) => new Request(request.url, { method: 'POST', headers: request.headers }),
      json({ a: 1 }),
    ],
    ['a new', (request: Request) => new Request(request, { method: 'POST', body: '{"a":2}' }), { method: 'POST' }],
  ])('%s body in a replaced request causes a 500', async (_claim, change, init) => {
    const { onNode, ran } = open(replaced(change))
    const { text } = await send(await onNode(), '/events', init)
    expect(text).toEqual(changed('body'))
    expect(ran).toEqual([])
  })

  it('a body that earlier middleware read counts as the one sent', async () => {
    const { onNode, ran } = open(async (c, next) => {
      await c.req.json()
      await next()
    })
    expect((await send(await onNode(), '/events', json({ a: 1 }))).text).toBe('200 {"a":1}')
    expect(ran).toEqual(['POST'])
  })

  it('R06: a body read before it could be verified causes a 500 that says so', async () => {
    const { onHonoServer, ran } = open(async (c, next) => {
      await c.req.json()
      await next()
    })
    const { text } = await send(await onHonoServer(), '/events', json({ a: 1 }))
    expect(text).toMatch(/^500 .*The body was read before the signature was verified/)
    expect(ran).toEqual([])
  })

  it('a wrong mountPath causes a 500', async () => {
    const app = new Hono()
    const mounted = new Hono()
    const resource = openResource()
    mounted.all('/x', forHono.aauth(resource, { ...mayWrite, mountPath: '/api' }), (c) => c.text('x'))
    app.mount('/api', mounted.fetch)
    app.mount('/other', mounted.fetch)
    const port = await listen(createNodeListener(app.fetch, { origin: id }))
    expect((await send(port, '/api/x')).text).toBe('200 x')
    expect((await send(port, '/other/x')).text).toEqual(changed('path'))
  })
})

describe('hono, if only the Request is known', () => {
  function open(options: { mountPath?: string }) {
    const app = new Hono()
    const mounted = new Hono()
    mounted.all('*', forHono.aauth(openResource(), { ...mayWrite, ...options }), (c) => c.text(`mounted ${c.req.path}`))
    app.mount('/api', mounted.fetch)
    return async (target: string, path = target, init?: RequestInit) => {
      const { headers, method } = await signed(path, init)
      const response = await app.fetch(new Request(id + target, { method, headers }))
      return `${response.status} ${await response.text()}`
    }
  }

  it('S29: verifies with the configured mount path', async () => {
    const fetch = open({ mountPath: '/api' })
    expect(await fetch('/api/x?a=1')).toBe('200 mounted /x')
    expect(await fetch('/api')).toBe('200 mounted /')
    expect(await fetch('/api?a=1')).toBe('200 mounted /')
    expect(await fetch('/api/x', '/x')).toEqual(mismatch)
    expect(await fetch('/api/x', '/other/x')).toEqual(mismatch)
    expect(await fetch('/api/x?a=1', '/api/x?a=2')).toEqual(mismatch)
  })

  it('verifies the visible path if none is configured', async () => {
    const fetch = open({})
    expect(await fetch('/api/x', '/x')).toBe('200 mounted /x')
    expect(await fetch('/api/x')).toEqual(mismatch)
  })

  it.each(['', '/', 'api', '/api/', '/api?a', '/a#b', '//api'])('rejects the mountPath %j', (mountPath) => {
    expect(() => forHono.aauth(openResource(), { ...mayWrite, mountPath })).toThrow(TypeError)
  })
})

describe('express', () => {
  type Before = (req: express.Request) => void

  const around =
    (change: Before = () => undefined): express.RequestHandler =>
    (req, _res, next) => {
      change(req)
      next()
    }

  /** An app whose handlers record that they ran, with middleware before or after `aauth`. */
  async function open({ before, after }: { before?: Before; after?: Before }) {
    const ran: string[] = []
    const app = express()
    const may = forExpress.aauth(openResource(), mayWrite)
    app.use(around(before))
    app.use(may)
    app.use(around(after))
    app.use(
      '/v1',
      express.Router().all('*rest', (req, res) => void res.send(`router ${may.verified(req).path}`)),
    )
    app.use((req, res) => {
      ran.push(req.method)
      res.send(req.query)
    })
    app.use((error: Error, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      res.status(500).json({ code: 'code' in error ? error.code : String(error) })
    })
    return { ran, port: await listen(app) }
  }

  const override: Before = (req) => {
    const to = req.headers['x-http-method-override']
    Object.assign(req, { originalMethod: req.method })
    if (to) req.method = String(to)
  }
  const overriding = { headers: { 'x-http-method-override': 'DELETE' } }

  it('passes with earlier middleware that changes nothing', async () => {
    const { port, ran } = await open({ before: override, after: override })
    expect((await send(port, '/events?a=1&a=2', { method: 'POST' })).text).toBe('200 {"a":["1","2"]}')
    expect((await send(port, '/events', { method: 'POST' })).text).toBe('200 {}')
    expect(ran).toEqual(['POST', 'POST'])
  })

  it('S46: a method override before aauth causes a 500, and no handler runs', async () => {
    const { port, ran } = await open({ before: override })
    expect((await send(port, '/events', { method: 'POST' }, overriding)).text).toEqual(changed('method'))
    expect(ran).toEqual([])
  })

  it('S46: an override that hides the original method does not verify', async () => {
    const { port, ran } = await open({ before: (req) => void Object.assign(req, { method: 'DELETE' }) })
    expect((await send(port, '/events', { method: 'POST' })).text).toEqual(mismatch)
    expect(ran).toEqual([])
  })

  it('S46: an override after aauth is an error, and no handler runs', async () => {
    const { port, ran } = await open({ after: override })
    expect((await send(port, '/events', { method: 'POST' }, overriding)).text).toBe('500 {"code":"request_changed"}')
    expect(ran).toEqual([])
  })

  it.each<[string, Before]>([
    ['path', (req) => void Object.assign(req, { url: '/admin?a=1' })],
    ['path', (req) => void Object.assign(req, { url: '/?a=1' })],
    ['query', (req) => void Object.assign(req, { url: '/events?a=2' })],
    ['query', (req) => void Object.assign(req, { url: '/events' })],
    ['query', (req) => void Object.defineProperty(req, 'query', { value: { a: '2' } })],
    ['query', (req) => void Object.defineProperty(req, 'query', { value: { a: '1', b: '2' } })],
  ])('a different %s before aauth causes a 500, and no handler runs', async (part, before) => {
    const { port, ran } = await open({ before })
    expect((await send(port, '/events?a=1', { method: 'POST' })).text).toEqual(changed(part))
    expect(ran).toEqual([])
  })

  it('S29: a prefix stripped by a router is not a difference', async () => {
    const { port } = await open({})
    expect((await send(port, '/v1/a/b?c=1')).text).toBe('200 router /v1/a/b')
    const app = express()
    const inner = express()
    const may = forExpress.aauth(openResource(), mayWrite)
    const router = express.Router()
    router.all('/', may, (req, res) => void res.send(may.verified(req).path))
    router.all('/c', may, (req, res) => void res.send(may.verified(req).path))
    inner.use('/b', router)
    app.use('/a', inner)
    const nested = await listen(app)
    const paths = ['/a/b', '/a/b/', '/a/b?d=1', '/a/b/c', '/a/b/c?d=1']
    const answers = await Promise.all(paths.map(async (path) => (await send(nested, path)).text))
    expect(answers).toEqual(['200 /a/b', '200 /a/b/', '200 /a/b', '200 /a/b/c', '200 /a/b/c'])
    expect((await send(nested, '/a/b/c', {}, { path: '/c' })).text).toEqual(mismatch)
    expect((await send(nested, '/a/b/c', {}, { path: '/b/c' })).text).toEqual(mismatch)
  })

  it('S29: Connect hides the prefix it stripped, so it is passed to aauth', async () => {
    const answers = async (told: { mountPath?: string }) => {
      const may = forExpress.aauth(openResource(), { ...mayWrite, ...told })
      // As Connect does below `app.use('/api', …)`.
      const port = await listen((req, res) => {
        Object.assign(req, { originalUrl: req.url, url: req.url?.replace(/^\/(?:api|other)/, '') || '/' })
        may(req, res, () => res.end(may.verified(req).path))
      })
      return Promise.all(['/api/x', '/api', '/other/x'].map(async (path) => (await send(port, path)).text))
    }
    expect(await answers({ mountPath: '/api' })).toEqual(['200 /api/x', '200 /api', changed('path')])
    expect(await answers({})).toEqual([changed('path'), changed('path'), changed('path')])
  })

  it('exposes nothing verified if the URL was changed later', async () => {
    const { port } = await open({ after: (req) => void Object.assign(req, { url: '/v1/other' }) })
    expect((await send(port, '/events', { method: 'POST' })).text).toBe('500 {"code":"request_changed"}')
  })
})

describe('koa', () => {
  type Change = (ctx: Context) => void

  const around =
    (change: Change = () => undefined): Middleware =>
    async (ctx, next) => {
      change(ctx)
      await next()
    }

  /** An app whose handlers record that they ran, with middleware before or after `aauth`. */
  async function open({ before, after }: { before?: Change; after?: Change }) {
    const ran: string[] = []
    const codes: unknown[] = []
    const app = new Koa().on('error', ({ code }: { code?: unknown }) => codes.push(code))
    const may = forKoa.aauth(openResource(), mayWrite)
    app.use(around(before)).use(may).use(around(after))
    app.use((ctx) => {
      const { path } = may.verified(ctx)
      ran.push(ctx.method)
      ctx.body = { path, query: ctx.query }
    })
    return { ran, codes, port: await listenToKoa(app) }
  }

  const listenToKoa = (app: Koa) => {
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  }

  const override: Change = (ctx) => {
    const to = ctx.get('x-http-method-override')
    Object.assign(ctx.req, { originalMethod: ctx.method })
    if (to !== '') ctx.method = to
  }
  const overriding = { headers: { 'x-http-method-override': 'DELETE' } }

  it('passes with earlier middleware that changes nothing', async () => {
    const { port, ran } = await open({ before: override, after: override })
    const { text } = await send(port, '/events?a=1&a=2', { method: 'POST' })
    expect(text).toBe('200 {"path":"/events","query":{"a":["1","2"]}}')
    expect(ran).toEqual(['POST'])
  })

  it('S46: a method override before aauth causes a 500, and no handler runs', async () => {
    const { port, ran } = await open({ before: override })
    expect((await send(port, '/events', { method: 'POST' }, overriding)).text).toEqual(changed('method'))
    expect(ran).toEqual([])
  })

  it('S46: an override that hides the original method does not verify', async () => {
    const { port, ran } = await open({ before: (ctx) => void Object.assign(ctx, { method: 'DELETE' }) })
    expect((await send(port, '/events', { method: 'POST' })).text).toEqual(mismatch)
    expect(ran).toEqual([])
  })

  it.each<[string, Change]>([
    ['method', override],
    ['path', (ctx) => void Object.assign(ctx, { path: '/admin' })],
    ['query', (ctx) => void Object.assign(ctx, { querystring: 'a=2' })],
    ['query', (ctx) => void Object.assign(ctx, { query: { a: '2' } })],
  ])('S46: a different %s after aauth is an error, and no handler runs', async (_part, after) => {
    const { port, ran, codes } = await open({ after })
    expect((await send(port, '/events?a=1', { method: 'POST' }, overriding)).status).toBe(500)
    expect(ran).toEqual([])
    expect(codes).toEqual(['request_changed'])
  })

  it.each<[string, Change]>([
    ['path', (ctx) => void Object.assign(ctx, { path: '/admin' })],
    ['path', (ctx) => void Object.assign(ctx, { url: '/?a=1' })],
    ['query', (ctx) => void Object.assign(ctx, { url: '/events?a=2' })],
    ['query', (ctx) => void Object.assign(ctx, { querystring: '' })],
    ['query', (ctx) => void Object.assign(ctx, { query: { a: '1', b: '2' } })],
  ])('a different %s before aauth causes a 500, and no handler runs', async (part, before) => {
    const { port, ran } = await open({ before })
    expect((await send(port, '/events?a=1', { method: 'POST' })).text).toEqual(changed(part))
    expect(ran).toEqual([])
  })

  it('S29: a prefix stripped by koa-mount is not a difference; with two mounts, aauth receives the outer one', async () => {
    const answers = async (told: { mountPath?: string }, ...paths: string[]) => {
      const may = forKoa.aauth(openResource(), { ...mayWrite, ...told })
      const inner = new Koa()
      inner.use(may).use((ctx) => {
        ctx.body = may.verified(ctx).path
      })
      const app = new Koa()
      app.use(koaMount('/a', koaMount('/b', inner))).use(koaMount('/c', inner))
      const port = await listenToKoa(app)
      return Promise.all(paths.map(async (path) => (await send(port, path)).text))
    }
    expect(await answers({}, '/c', '/c/x?d=1', '/a/b/x')).toEqual(['200 /c', '200 /c/x', changed('path')])
    const told = await answers({ mountPath: '/a' }, '/a/b', '/a/b/x?d=1', '/c/x')
    expect(told).toEqual(['200 /a/b', '200 /a/b/x', changed('path')])
  })
})

describe('fastify', () => {
  type Rewrite = NonNullable<FastifyServerOptions['rewriteUrl']>

  async function open(
    rewriteUrl?: Rewrite,
    prepare?: (app: FastifyInstance) => void,
    told: { mountPath?: string } = {},
  ) {
    const ran: string[] = []
    const app = rewriteUrl ? fastify({ rewriteUrl }) : fastify()
    prepare?.(app)
    const resource = openResource()
    const may = forFastify.aauth(resource, { ...mayWrite, ...told })
    app.addHook('onRequest', forFastify.aauthDocuments(resource))
    app.all('/*', { preParsing: may }, async (request) => {
      ran.push(request.method)
      return { path: may.verified(request).path, query: request.query, body: request.body ?? null }
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    return { ran, port: (app.server.address() as AddressInfo).port }
  }

  it('S29: a prefix stripped by rewriteUrl is not a difference if aauth received it', async () => {
    const { port, ran } = await open((req) => (req.url ?? '').replace(/^\/(?:api|other)/, ''), undefined, {
      mountPath: '/api',
    })
    expect(JSON.parse((await send(port, '/api/x?a=1')).body)).toMatchObject({ path: '/api/x', query: { a: '1' } })
    expect((await send(port, '/api/x', {}, { path: '/x' })).text).toEqual(mismatch)
    expect(ran).toHaveLength(1)
    expect((await send(port, '/other/x')).text).toEqual(changed('path'))
    expect((await send(port, '/x')).text).toEqual(changed('path'))
    expect(ran).toHaveLength(1)
  })

  it.each([
    ['/public/note', '/'],
    ['/public/admin/wipe', '/admin/wipe'],
    ['/public/x', '/admin/wipe'],
  ])('S29: %s that rewriteUrl turns into %s causes a 500, and no handler runs', async (sent, made) => {
    const { port, ran } = await open((req) => (req.url === sent ? made : (req.url ?? '/')))
    expect((await send(port, sent, { method: 'POST' })).text).toEqual(changed('path'))
    expect(ran).toEqual([])
    expect((await send(port, '/events', { method: 'POST' })).status).toBe(200)
  })

  it('S29: after an Express router, the prefix it stripped is not a difference', async () => {
    const app = fastify()
    const may = forFastify.aauth(openResource(), mayWrite)
    app.all('/x', { preParsing: may }, async (request) => may.verified(request).path)
    await app.ready()
    const outer = express().use('/api', (req, res) => app.routing(req, res))
    const port = await listen(outer)
    expect((await send(port, '/api/x')).text).toBe('200 /api/x')
    expect((await send(port, '/api/x', {}, { path: '/x' })).text).toEqual(mismatch)
  })

  it.each<[string, Rewrite]>([
    ['path', () => '/admin?a=1'],
    ['query', () => '/events?a=2'],
    ['query', (req) => `${req.url}&admin=true`],
    ['query', () => '/events'],
  ])('a different %s set by rewriteUrl causes a 500, and no handler runs', async (part, rewrite) => {
    const { port, ran } = await open(rewrite)
    expect((await send(port, '/events?a=1', { method: 'POST' })).text).toEqual(changed(part))
    expect(ran).toEqual([])
  })

  it('S46: a method changed by rewriteUrl does not verify', async () => {
    const { port, ran } = await open((req) => {
      req.method = 'DELETE'
      return req.url ?? '/'
    })
    expect((await send(port, '/events', { method: 'POST' })).text).toEqual(mismatch)
    expect(ran).toEqual([])
  })

  it('serves the documents at the paths that were sent', async () => {
    const { port } = await open((req) => `/rewritten${req.url}`)
    expect((await send(port, '/.well-known/aauth-resource')).text).toMatch(/^200 \{"resource"/)
    const token = form('scope=events.read')
    expect((await send(port, '/resource/token', token)).text).toMatch(/^200 \{"resource_token"/)
  })

  it.each([
    ['chunked', { 'transfer-encoding': 'chunked' }, '0\r\n\r\n'],
    ['chunked, with a media type', { 'transfer-encoding': 'chunked', 'content-type': 'text/plain' }, '0\r\n\r\n'],
    ['with content-length 0', { 'content-length': '0' }, ''],
    ['that no field announces', {}, ''],
    ['that no field announces, with a media type', { 'content-type': 'text/plain' }, ''],
  ])('an empty body %s behaves as without aauth', async (_claim, headers, added) => {
    const { port } = await open(undefined, (app) => void app.all('/open', async (request) => request.body ?? null))
    const { status } = await send(port, '/open', { method: 'POST' }, { headers, added })
    expect((await send(port, '/events', { method: 'POST' }, { headers, added })).status).toBe(status)
  })

  it('reports that another hook read the body', async () => {
    const { port, ran } = await open(undefined, (app) => {
      app.addHook('preParsing', async (_request, _reply, payload) =>
        payload.pipe(new Transform({ transform: (chunk, _, next) => next(null, chunk) })),
      )
    })
    expect((await send(port, '/events', json({ a: 1 }))).text).toMatch(/^500 .*The body was read before/)
    expect(ran).toEqual([])
  })

  it('a body made up by a hook causes a 500', async () => {
    const { port, ran } = await open(undefined, (app) => {
      app.addHook('onRequest', async (request) => void Object.assign(request, { body: { to: 'mallory' } }))
    })
    expect((await send(port, '/events', { method: 'POST' })).text).toEqual(changed('body'))
    expect(ran).toEqual([])
  })
})
