import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createNodeListener, receiveIncoming } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Answer } from '../attacks/raw-http.js'
import { dataFrame, exchangeFrames, headersFrame } from '../attacks/raw-http2.js'
import { id, json, listenWith, mayWrite, openResource, signed } from './events-resource.js'

const listen = (listener: (incoming: Http2ServerRequest, outgoing: Http2ServerResponse) => void) =>
  listenWith(createServer(listener))
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()

/** Responds with the body that the handler could read. */
const mounts: Record<string, (resource: Resource) => Promise<number>> = {
  'resource.verify over receiveIncoming': (resource) =>
    listen((incoming, outgoing) => {
      void resource.verify(receiveIncoming(incoming), mayWrite).then(
        ({ body }) => outgoing.end(textOf(body)),
        async (error: unknown) => {
          const refusal = await resource.toResponse(error)
          outgoing.statusCode = refusal.status
          outgoing.end(await refusal.text())
        },
      )
    }),

  'the middleware for Express': (resource) => {
    const writes = forExpress.aauth(resource, mayWrite)
    const documents = forExpress.aauthDocuments(resource)
    return listen((incoming, outgoing) =>
      documents(incoming, outgoing, () =>
        writes(incoming, outgoing, () => void outgoing.end(textOf(writes.verified(incoming).body))),
      ),
    )
  },

  async Fastify(resource) {
    const app = fastify({ http2: true })
    const writes = forFastify.aauth(resource, mayWrite)
    app.addHook('onRequest', forFastify.aauthDocuments(resource))
    app.all('/events', { preParsing: writes }, async (request) => request.body)
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    return (app.server.address() as AddressInfo).port
  },

  Koa(resource) {
    const writes = forKoa.aauth(resource, mayWrite)
    const app = new Koa().use(forKoa.aauthDocuments(resource)).use(writes)
    app.use((ctx) => {
      ctx.body = textOf(writes.verified(ctx).body)
    })
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },

  hono(resource) {
    const app = new Hono()
    app.all('/events', forHono.aauth(resource, mayWrite), async (c) => c.body(await c.req.text()))
    app.all('*', (c) => resource.handler(c.req.raw))
    return listen(createNodeListener(app.fetch, { origin: id }))
  },
}

async function send(port: number, request: Request, body?: string): Promise<Answer> {
  const head = headersFrame(
    [
      [':method', request.method],
      [':scheme', 'https'],
      [':authority', 'api.example'],
      [':path', request.url.slice(id.length)],
      ...request.headers,
    ],
    { end: body === undefined },
  )
  return exchangeFrames(port, body === undefined ? [head] : [head, dataFrame(body)])
}

describe.each(Object.entries(mounts))('a resource over HTTP/2, %s', (_, mount) => {
  it('passes on the body whose digest was checked', async () => {
    const answer = await send(
      await mount(openResource()),
      await signed('/events', json({ to: 'alice' })),
      '{"to":"alice"}',
    )
    expect([answer.status, answer.body]).toEqual([200, '{"to":"alice"}'])
  })

  it('accepts a request without a body', async () => {
    const port = await mount(openResource())
    const statuses = ['GET', 'POST', 'DELETE'].map(async (method) => {
      return (await send(port, await signed('/events', { method }))).status
    })
    expect(await Promise.all(statuses)).toEqual([200, 200, 200])
  })

  it.each(['GET', 'POST', 'DELETE'])('S48: rejects a body that was added to %s', async (method) => {
    const port = await mount(openResource())
    const { status } = await send(port, await signed('/events', { method }), '{"to":"mallory"}')
    expect(status).toBe(method === 'GET' && mount === mounts.hono ? 400 : 401)
  })

  it('S48: also rejects one whose media type was added', async () => {
    const request = await signed('/events', { method: 'POST' })
    request.headers.set('content-type', 'application/json')
    const answer = await send(await mount(openResource()), request, '{"to":"mallory"}')
    expect([answer.status, answer.body]).toEqual([401, expect.stringContaining('invalid_signature')])
  })

  it('S27: rejects a Host that differs from :authority', async () => {
    const request = await signed('/events', { method: 'POST' })
    const headers = new Headers([...request.headers, ['host', 'evil.example']])
    const { status } = await send(await mount(openResource()), new Request(request, { headers }))
    expect(status).toBe(400)
  })
})

describe.each(Object.entries(mounts).slice(1))('the documents over HTTP/2, %s', (_, mount) => {
  it('are served', async () => {
    const port = await mount(openResource())
    const plain = (path: string) => new Request(`${id}${path}`)
    expect(JSON.parse((await send(port, plain('/.well-known/aauth-resource'))).body)).toMatchObject({ resource: id })
    expect((await send(port, plain('/jwks.json'))).status).toBe(200)
    const form = await signed('/resource/token', {
      method: 'POST',
      body: new URLSearchParams({ scope: 'events.read' }),
    })
    expect((await send(port, form, 'scope=events.read')).status).toBe(200)
    expect((await send(port, form, 'scope=events.write')).status).toBe(401)
  })
})
