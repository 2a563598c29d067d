import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { createNodeListener } from 'countersign/node'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import express from 'express'
import fastify, { type FastifyReply } from 'fastify'
import { type Context, Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { stream } from 'hono/streaming'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange } from '../attacks/raw-http.js'
import { exchangeFrames, headersFrame } from '../attacks/raw-http2.js'
import { id, listen, mayRead, mayWrite, openResource, signed } from './events-resource.js'

interface Seen {
  status: number
  cacheControl: string | null
  vary: string | null
  headers: Headers
  body: string
}

async function get(port: number, path = '/', headers: Record<string, string> = {}): Promise<Seen> {
  const request = await signed(path)
  const sent: [string, string][] = [['host', 'api.example'], ...request.headers, ...Object.entries(headers)]
  const answer = await exchange(port, { method: 'GET', target: path, headers: sent, body: '' })
  return { ...answer, cacheControl: answer.headers.get('cache-control'), vary: answer.headers.get('vary') }
}

type Set = Record<string, string>

/** A handler that sets these headers. */
const mounts: Record<string, (set: Set) => Promise<number>> = {
  hono(set) {
    const app = new Hono()
    app.get('/', forHono.aauth(openResource(), mayWrite), (c) => c.json({}, 200, set))
    return listen(createNodeListener(app.fetch, { origin: id }))
  },
  express(set) {
    const app = express()
    app.get('/', forExpress.aauth(openResource(), mayWrite), (_, res) => void res.set(set).json({}))
    return listen(app)
  },
  async fastify(set) {
    const app = fastify()
    app.get(
      '/',
      { preParsing: forFastify.aauth(openResource(), mayWrite) },
      (_, reply) => void reply.headers(set).send({}),
    )
    return open(app)
  },
  koa(set) {
    const app = new Koa().use(forKoa.aauth(openResource(), mayWrite)).use((ctx) => {
      ctx.set(set)
      ctx.body = {}
    })
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },
}

async function open(app: ReturnType<typeof fastify>): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return (app.server.address() as AddressInfo).port
}

const ours = { cacheControl: 'private, no-store', vary: 'Signature-Key' }

describe.each(Object.entries(mounts))('responses of %s to verified requests', (_, mount) => {
  it('are private', async () => {
    expect(await get(await mount({}))).toMatchObject({ status: 200, ...ours })
  })

  it.each([
    'public, max-age=60',
    'max-age=60',
    's-maxage=60',
    'no-cache',
    'must-revalidate, immutable',
    'private="x-a"',
    'no-cache="private"',
    'x="a, no-store, b"',
    'max-age=60, x="private',
    'public private',
    'nonprivate',
    'no-store=1',
    'public, max-age=600, must-understand, no-store',
    'no-store, Must-Understand',
  ])('are private even if the handler sets %j', async (set) => {
    expect((await get(await mount({ 'Cache-Control': set }))).cacheControl).toBe('private, no-store')
  })

  it.each([
    'private',
    'no-store',
    'PRIVATE, max-age=60',
    'max-age=60 ,\tNo-Store',
    'private, s-maxage=60',
    'x="a, b", private',
    'x="\\"", private',
    'private, must-understand, no-store',
    'x="must-understand", no-store',
  ])('keep %j if the handler sets it', async (set) => {
    expect((await get(await mount({ 'Cache-Control': set }))).cacheControl).toBe(set)
  })

  it('have no fields for particular caches, whatever their value', async () => {
    const set = {
      'CDN-Cache-Control': 'max-age=600',
      'Cloudflare-CDN-Cache-Control': 'public, must-understand, no-store',
      'Vercel-CDN-Cache-Control': 'max-age=60',
      'Surrogate-Control': 'private',
      'Edge-Control': 'no-store',
      'X-Accel-Expires': '0',
      'X-LiteSpeed-Cache-Control': 'public, max-age=600',
      'X-CDN': 'a',
      'X-Last-Surrogate-Control': 'a',
    }
    const seen = await get(await mount(set))
    expect(seen.cacheControl).toBe('private, no-store')
    expect(Object.keys(set).filter((name) => seen.headers.has(name))).toEqual(['X-CDN', 'X-Last-Surrogate-Control'])
  })

  it.each([
    ['Accept', 'Accept, Signature-Key'],
    ['Accept, Origin', 'Accept, Origin, Signature-Key'],
    ['*', '*'],
    ['Accept, *', 'Accept, *'],
    ['signature-key', 'signature-key'],
    ['Accept,SIGNATURE-KEY', 'Accept,SIGNATURE-KEY'],
    ['Signature-Key-2', 'Signature-Key-2, Signature-Key'],
  ])('vary by signer, in addition to %j', async (set, vary) => {
    expect((await get(await mount({ Vary: set, 'Cache-Control': 'private' }))).vary).toBe(vary)
  })
})

describe('express', () => {
  type Answer = (req: express.Request, res: express.Response, next: express.NextFunction) => unknown

  const pub = 'public, max-age=60'
  const answers: [string, Answer, Partial<Seen>?][] = [
    ['end', (_, res) => res.end()],
    ['end with content', (_, res) => res.end('a'), { body: 'a' }],
    [
      'writeHead with an object',
      (_, res) => res.writeHead(201, { 'CACHE-CONTROL': pub, vary: 'Accept', 'X-A': 'b' }).end(),
    ],
    [
      'writeHead with a list',
      (_, res) => res.writeHead(201, ['Cache-Control', pub, 'VARY', 'Accept', 'x-a', 'b']).end(),
    ],
    [
      'writeHead with a reason and pairs',
      (_, res) =>
        res
          .writeHead(201, 'Made', [
            ['cache-control', pub],
            ['Vary', 'Accept'],
            ['x-a', 'b'],
          ] as never)
          .end(),
    ],
    [
      'writeHead after setHeader',
      (_, res) => res.set('vary', 'Accept').writeHead(201, { 'Cache-Control': pub, 'x-a': 'b' }).end(),
    ],
    [
      'a stream',
      (_, res) => Readable.from(['a', 'b']).pipe(res.set('cache-control', pub)),
      { body: '1\r\na\r\n1\r\nb\r\n0\r\n\r\n' },
    ],
    [
      'flushHeaders',
      (_, res) => {
        res.set('cache-control', pub).flushHeaders()
        res.end('a')
      },
    ],
    ['a redirect', (_, res) => res.set('cache-control', pub).redirect('/b')],
    ['a thrown error', () => Promise.reject(Object.assign(new Error('a'), { status: 418 })), { status: 418 }],
    ['a forwarded error', (_, res, next) => res.set('cache-control', pub) && next(new Error('a')), { status: 500 }],
    ['no response, hence not found', (_, __, next) => next(), { status: 404 }],
  ]

  it.each(answers)('%s', async (claim, answer, expected = {}) => {
    const app = express()
    app.set('env', 'test')
    app.get('/', forExpress.aauth(openResource(), mayWrite), answer)
    const seen = await get(await listen(app))
    expect(seen).toMatchObject({ cacheControl: 'private, no-store', ...expected })
    if (claim.startsWith('writeHead')) {
      expect([seen.status, seen.vary, seen.headers.get('x-a')]).toEqual([201, 'Accept, Signature-Key', 'b'])
    } else expect(seen.vary).toMatch(/(?:^|, )Signature-Key$/)
  })

  /** What middleware before `aauth` does when the head is written. */
  const fronts: [string, (res: express.Response) => void][] = [
    ['setHeader', (res) => void res.setHeader('Cache-Control', pub).setHeader('CDN-Cache-Control', 'max-age=60')],
    [
      'removeHeader and appendHeader',
      (res) => {
        res.removeHeader('cache-control')
        res.append('Vary', 'a')
      },
    ],
    ['setHeaders', (res) => void res.setHeaders(new Map([['cache-control', pub]]))],
  ]

  it.each(fronts)('are not changed by earlier middleware that does %s when the head is written', async (_, change) => {
    for (const given of [[], [{ 'Cache-Control': pub }], [['cache-control', pub, 'surrogate-control', 'max-age=60']]]) {
      const app = express()
      app.use((_req, res, next) => {
        const writeHead = res.writeHead.bind(res) as (...rest: unknown[]) => typeof res
        res.writeHead = (status: number) => {
          change(res)
          res.setHeader('x-front', 'set')
          return writeHead(status, ...given)
        }
        next()
      })
      app.get('/', forExpress.aauth(openResource(), mayWrite), (_req, res) => void res.send('a'))
      app.get('/open', (_req, res) => void res.send('a'))
      const port = await listen(app)
      const seen = await get(port)
      expect(seen).toMatchObject({ status: 200, ...ours, body: 'a' })
      expect(['x-front', 'cdn-cache-control', 'surrogate-control'].map((name) => seen.headers.get(name))).toEqual([
        'set',
        null,
        null,
      ])
      expect((await get(port, '/open')).cacheControl).not.toBe('private, no-store')
    }
  })

  it('are private even for a 304', async () => {
    const app = express()
    app.get(
      '/',
      forExpress.aauth(openResource(), mayWrite),
      (_, res) => void res.set({ etag: '"a"', 'cache-control': pub }).send('a'),
    )
    expect(await get(await listen(app), '/', { 'if-none-match': '"a"' })).toMatchObject({
      status: 304,
      ...ours,
      body: '',
    })
  })

  it('keep duplicate header lines', async () => {
    const answer = async (more: (res: ServerResponse) => void) => {
      const app = express()
      app.get('/', forExpress.aauth(openResource(), mayWrite), (_, res) => {
        more(res)
        res.end()
      })
      return get(await listen(app))
    }
    const cookies = ['a=1', 'b=2']
    for (const more of [
      (res: ServerResponse) =>
        res.writeHead(200, [
          'set-cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'Cache-Control',
          'no-cache',
          'cache-control',
          'private',
        ]),
      (res: ServerResponse) =>
        res.writeHead(200, { 'set-cookie': cookies, 'cache-control': ['no-cache', 'private'] as never }),
      (res: ServerResponse) => res.setHeader('set-cookie', cookies).setHeader('cache-control', ['no-cache', 'private']),
    ]) {
      const { headers, cacheControl } = await answer(more)
      expect([headers.getSetCookie(), cacheControl]).toEqual([cookies, 'no-cache, private'])
    }
  })

  it('over HTTP/2', async () => {
    const may = forExpress.aauth(openResource(), mayWrite)
    const server = createHttp2Server((incoming, outgoing) =>
      may(incoming, outgoing, () => outgoing.writeHead(200, { 'cache-control': pub, vary: 'Accept' }).end('a')),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const head: [string, string][] = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', 'api.example'],
      [':path', '/'],
    ]
    const frame = headersFrame([...head, ...(await signed('/')).headers], { end: true })
    const { headers, body } = await exchangeFrames((server.address() as AddressInfo).port, [frame])
    expect([headers.get('cache-control'), headers.get('vary'), body]).toEqual([
      'private, no-store',
      'Accept, Signature-Key',
      'a',
    ])
  })
})

describe('fastify', () => {
  const pub = 'public, max-age=60'
  const answers: [string, (reply: FastifyReply) => unknown, Partial<Seen>?][] = [
    ['a stream', (reply) => reply.header('cache-control', pub).send(Readable.from(['a']))],
    ['a Web response', () => new Response('a', { headers: { 'cache-control': pub } })],
    ['a hijacked reply', (reply) => void reply.hijack().raw.writeHead(200, { 'cache-control': pub }).end('a')],
    ['a redirect', (reply) => reply.header('cache-control', pub).redirect('/b')],
    ['an error', () => Promise.reject(new Error('a')), { status: 500 }],
    ['not found', (reply) => reply.callNotFound(), { status: 404 }],
    ['not modified', (reply) => reply.code(304).header('cache-control', pub).send(), { status: 304 }],
  ]

  it.each(answers)('%s', async (_claim, answer, expected = {}) => {
    const app = fastify()
    app.get('/', { preParsing: forFastify.aauth(openResource(), mayWrite) }, async (_, reply) => answer(reply))
    expect(await get(await open(app))).toMatchObject({ ...ours, ...expected })
  })

  it('inject', async () => {
    const app = fastify()
    app.get('/', { preParsing: forFastify.aauth(openResource(), mayWrite) }, async () => 'a')
    const { headers } = await signed('/')
    const answer = await app.inject({ url: '/', headers: { host: 'api.example', ...Object.fromEntries(headers) } })
    expect([answer.body, answer.headers['cache-control'], answer.headers.vary]).toEqual([
      'a',
      'private, no-store',
      'Signature-Key',
    ])
  })
})

describe('hono', () => {
  const pub = 'public, max-age=60'
  const answers: [string, (c: Context) => Response | Promise<Response>, Partial<Seen>?][] = [
    ['a response', () => new Response('a', { headers: { 'cache-control': pub } })],
    ['a redirect, whose headers cannot be set', () => Response.redirect('https://b.example/'), { status: 302 }],
    ['a response from fetch, whose headers cannot be set', () => fetched(), { status: 203 }],
    ['a stream', (c) => stream(c, async (out) => void (await out.write('a')))],
    ['an error', () => Promise.reject(new Error('a')), { status: 500 }],
    [
      'an exception with a response',
      () => Promise.reject(new HTTPException(418, { res: new Response('a', { status: 418 }) })),
      { status: 418 },
    ],
    ['not found', (c) => c.notFound(), { status: 404 }],
    ['not modified', () => new Response(null, { status: 304 }), { status: 304 }],
    ['no content', (c) => c.body(null, 204), { status: 204 }],
  ]

  /** From a separate server, with two cookies. */
  async function fetched(): Promise<Response> {
    const server = createServer((_: IncomingMessage, res) => {
      res.writeHead(203, { 'cache-control': pub, 'set-cookie': ['a=1', 'b=2'] }).end('a')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  }

  it.each(answers)('%s', async (claim, answer, expected = {}) => {
    const app = new Hono()
    app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text('a', 500)))
    app.get('/', forHono.aauth(openResource(), mayWrite), answer)
    const seen = await get(await listen(createNodeListener(app.fetch, { origin: id })))
    expect(seen).toMatchObject({ ...ours, ...expected })
    if (claim.includes('fetch')) expect([seen.headers.getSetCookie(), seen.body]).toEqual([['a=1', 'b=2'], 'a'])
  })
})

/** The response is written the way `@hono/node-server` does. */
async function answerAsHonoServer(app: Hono, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)])
  const response = await app.fetch(new Request(id + incoming.url, { headers }), { incoming, outgoing })
  const content = await response.text()
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), 'content-length': content.length })
  outgoing.end(content)
}

describe('hono on Node, with earlier middleware that sets headers afterwards', () => {
  const fronts: [string, (c: Context) => void][] = [
    ['c.header', (c) => c.header('Cache-Control', 'public, max-age=60')],
    ['the headers of c.res', (c) => c.res.headers.delete('vary')],
    [
      'a new c.res',
      (c) => {
        const { body } = c.res
        c.res = undefined
        c.res = new Response(body, { headers: { 'cache-control': 'public', 'cdn-cache-control': 'max-age=60' } })
      },
    ],
  ]
  const platforms: [string, (app: Hono) => Promise<number>][] = [
    ['createNodeListener', (app) => listen(createNodeListener(app.fetch, { origin: id }))],
    [
      'createNodeListener with a clientAddress',
      (app) => listen(createNodeListener(app.fetch, { origin: id, clientAddress: () => '192.0.2.1' })),
    ],
    [
      'like @hono/node-server',
      (app) => listen((incoming, outgoing) => void answerAsHonoServer(app, incoming, outgoing)),
    ],
  ]

  it.each(platforms.flatMap(([place, open]) => fronts.map(([claim, change]) => [place, claim, open, change] as const)))(
    '%s: %s does not change it',
    async (_place, _claim, open, change) => {
      const app = new Hono()
      app.use(async (c, next) => {
        await next()
        change(c)
      })
      app.get('/', forHono.aauth(openResource(), mayWrite), (c) => c.text('a'))
      app.get('/open', (c) => c.text('a'))
      const port = await open(app)
      const seen = await get(port)
      expect(seen).toMatchObject({ status: 200, ...ours, body: 'a' })
      expect(seen.headers.has('cdn-cache-control')).toBe(false)
      expect((await get(port, '/open')).cacheControl).not.toBe('private, no-store')
    },
  )
})

describe('other responses keep their headers', () => {
  it.each<[string, () => Promise<number>]>([
    [
      'hono',
      () => {
        const app = new Hono()
        const resource = openResource()
        app.get('/events', forHono.aauth(resource, mayRead), (c) => c.text('a'))
        app.get('/open', (c) => c.text('a', 200, { 'cache-control': 'public', vary: 'Accept' }))
        app.all('*', (c) => resource.handler(c.req.raw))
        return listen(createNodeListener(app.fetch, { origin: id }))
      },
    ],
    [
      'express',
      () => {
        const app = express()
        const resource = openResource()
        app.use(forExpress.aauthDocuments(resource))
        app.get('/events', forExpress.aauth(resource, mayRead))
        app.get('/open', (_, res) => void res.set({ 'cache-control': 'public', vary: 'Accept' }).end())
        return listen(app)
      },
    ],
    [
      'fastify',
      () => {
        const app = fastify()
        const resource = openResource()
        app.addHook('onRequest', forFastify.aauthDocuments(resource))
        app.get('/events', { preParsing: forFastify.aauth(resource, mayRead) }, async () => 'a')
        app.get('/open', (_, reply) => void reply.headers({ 'cache-control': 'public', vary: 'Accept' }).send())
        return open(app)
      },
    ],
  ])('%s', async (_, mount) => {
    const port = await mount()
    expect(await get(port, '/events')).toMatchObject({ status: 401, cacheControl: 'no-store', vary: null })
    expect(await get(port, '/jwks.json')).toMatchObject({
      status: 200,
      cacheControl: 'public, max-age=300',
      vary: null,
    })
    expect(await get(port, '/open')).toMatchObject({ status: 200, cacheControl: 'public', vary: 'Accept' })
  })
})
