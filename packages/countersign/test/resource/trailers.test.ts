import { createServer as createHttp1, type IncomingMessage } from 'node:http'
import { createServer as createHttp2, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { receiveIncoming } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import { protectMcp } from 'countersign/resource/mcp'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { exchange } from '../attacks/raw-http.js'
import { dataFrame, exchangeFrames, headersFrame } from '../attacks/raw-http2.js'
import { listenWith, mayWrite, openResource, signed } from './events-resource.js'

type Incoming = IncomingMessage | Http2ServerRequest
type Server = ReturnType<typeof createHttp1>

/** The trailers that a handler can see once the body has ended. */
function trailersOf(incoming: Incoming): unknown[] {
  const { trailers, rawTrailers } = incoming
  return [trailers, rawTrailers, 'trailersDistinct' in incoming ? incoming.trailersDistinct : {}]
}

const none = [{}, [], {}]

/** S52. Starts a server whose handler responds with the trailers that it sees. Returns its port. */
type Mount = (resource: Resource, create: typeof createHttp1) => Promise<number>

/** Mounts that pass Node's own request to the handler. */
const mounts: Record<string, Mount> = {
  'resource.verify over receiveIncoming': (resource, create) =>
    listenWith(
      create((incoming, outgoing) => {
        void resource
          .verify(receiveIncoming(incoming), mayWrite)
          .then(() => outgoing.end(JSON.stringify(trailersOf(incoming))))
      }),
    ),

  'the middleware for Express': (resource, create) => {
    const writes = forExpress.aauth(resource, mayWrite)
    return listenWith(
      create((incoming, outgoing) =>
        writes(incoming, outgoing, () => void outgoing.end(JSON.stringify(trailersOf(incoming)))),
      ),
    )
  },

  async Fastify(resource, create) {
    const serverFactory = (handler: Parameters<typeof createHttp1>[1] & object) => create(handler) as Server
    const app = fastify({ serverFactory })
    const writes = forFastify.aauth(resource, mayWrite)
    app.all('/events', { preParsing: writes }, async ({ raw }) => trailersOf(raw))
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    return (app.server.address() as AddressInfo).port
  },

  Koa(resource, create) {
    const app = new Koa().use(forKoa.aauth(resource, mayWrite)).use((ctx) => {
      ctx.body = trailersOf(ctx.req)
    })
    const answer = app.callback()
    return listenWith(create((incoming, outgoing) => void answer(incoming, outgoing)))
  },

  'hono on its own listener': (resource, create) => {
    const app = new Hono<{ Bindings: { incoming: Incoming } }>()
    app.all('/events', forHono.aauth(resource, mayWrite), async (c) => c.json(trailersOf(c.env.incoming)))
    const listener = getRequestListener(app.fetch)
    return listenWith(create((incoming, outgoing) => void listener(incoming, outgoing)))
  },

  protectMcp(resource, create) {
    const { middleware } = protectMcp(resource, { tools: {} })
    return listenWith(
      create((incoming, outgoing) =>
        middleware(incoming, outgoing, () => void outgoing.end(JSON.stringify(trailersOf(incoming)))),
      ),
    )
  },
}

const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
const smuggled = [
  ['x-role', 'admin'],
  ['signature-key', 'sig1=hwk'],
] as const

async function signedPost(): Promise<Request> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  return signed('/events', { method: 'POST', body, headers })
}

describe.each(Object.entries(mounts))('trailers of a signed request, %s', (_, mount) => {
  it('never reach the handler over HTTP/1.1', async () => {
    const port = await mount(openResource(), createHttp1)
    const { headers } = await signedPost()
    const trailer = smuggled.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const response = await exchange(port, {
      method: 'POST',
      target: '/events',
      headers: [['host', 'api.example'], ...headers, ['transfer-encoding', 'chunked']],
      body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n`,
    } as never)
    expect(response.status, response.body).toBe(200)
    expect(readJson(response.body)).toEqual(none)
  })

  it('never reach the handler over HTTP/2', async () => {
    const port = await mount(openResource(), createHttp2 as unknown as typeof createHttp1)
    const pseudo = [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':authority', 'api.example'],
      [':path', '/events'],
    ] as const
    const { headers } = await signedPost()
    const frames = [
      headersFrame([...pseudo, ...headers]),
      dataFrame(body, { end: false }),
      headersFrame([...smuggled], { trailers: true }),
    ]
    const response = await exchangeFrames(port, frames)
    expect(response.status, response.body).toBe(200)
    expect(readJson(response.body)).toEqual(none)
  })
})

/** The JSON of a response, chunked or not. */
function readJson(text: string): unknown {
  return JSON.parse(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1))
}
