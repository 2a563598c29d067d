import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { AgentActions } from 'countersign/agent'
import * as forExpress from 'countersign/agent/express'
import * as forFastify from 'countersign/agent/fastify'
import * as forHono from 'countersign/agent/hono'
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from 'express'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import { stream } from 'hono/streaming'
import { onTestFinished } from 'vitest'

/** A way for a framework to find the app’s own session. */
type Finder = (header: (name: string) => string | undefined) => string | undefined

export interface AppOptions extends Omit<Parameters<typeof forHono.createAppAgent>[0], 'sessionOf'> {
  ownSession?: Finder
}

/** The agent that a page receives. */
export type PageAgent = AgentActions & { readonly justAllowed: boolean }

/** The app’s pages: they show the API’s response, or that they failed. */
export interface AppPages {
  /**
   * Pages for `GET` and `POST` at `/events`, and `GET` at any path below `/any`, at `/public` with {@link publicFields}, and at `/early`
   * after the response has begun.
   */
  page: (agent: PageAgent) => Promise<string>
}

/** Fields of an API’s response that a page passes on but should not. */
export const publicFields = {
  'cache-control': 'public, max-age=600',
  'cdn-cache-control': 'max-age=600',
  'set-cookie': ['theme=dark', `__Host-agent=${'A'.repeat(43)}`, '__Host-agent-back-a=%2F'],
}

/** A response that begins before its page requests anything. */
async function* early(page: AppPages['page'], agent: PageAgent): AsyncGenerator<Uint8Array> {
  yield Buffer.from('early, ')
  await new Promise((soon) => setTimeout(soon, 20))
  yield Buffer.from(await page(agent).catch(String))
}

type Mounted = (request: Request) => Promise<Response>

/** Sends what a proxy in front of a port would, and adds nothing, as `fetch` does. */
function behindProxy(port: number): Mounted {
  return async (sent) => {
    const { pathname, search } = new URL(sent.url)
    const headers = Object.fromEntries(sent.headers)
    const outgoing = request({ port, host: '127.0.0.1', method: sent.method, path: pathname + search, headers })
    outgoing.end(await sent.text())
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const received = new Headers()
    for (const [name, values] of Object.entries(incoming.headersDistinct))
      for (const value of values ?? []) received.append(name, value)
    return new Response(await text(incoming), { status: incoming.statusCode ?? 500, headers: received })
  }
}

/** The same app in each framework. */
export const mounts: Record<string, (options: AppOptions, pages: AppPages) => Promise<Mounted>> = {
  async hono({ ownSession, ...options }, { page }) {
    const app = new Hono()
    const sessionOf = ownSession && ((c: Context) => ownSession((name) => c.req.header(name)))
    const agent = forHono.createAppAgent({ ...options, sessionOf })
    app.use(agent.ownRoutes)
    app.on(
      ['GET', 'POST'],
      '/events',
      agent.page(async (c, actions) => c.text(await page(actions))),
    )
    app.get(
      '/any/:name{.*}',
      agent.page(async (c, actions) => c.text(`${c.req.param('name')}: ${await page(actions)}`)),
    )
    app.get(
      '/public',
      agent.page(async (_c, actions) => {
        const { 'set-cookie': cookies, ...fields } = publicFields
        const headers = new Headers(fields)
        for (const each of cookies) headers.append('set-cookie', each)
        return new Response(await page(actions), { headers })
      }),
    )
    app.get(
      '/early',
      agent.page((c, actions) =>
        stream(c, async (out) => {
          for await (const chunk of early(page, actions)) await out.write(chunk)
        }),
      ),
    )
    app.post('/sign-out', agent.signOut)
    app.onError((error, c) => c.text(`500: ${error.message}`, 500))
    return async (request) => app.fetch(request)
  },

  async express({ ownSession, ...options }, { page }) {
    const app = express()
    const sessionOf = ownSession && ((req: ExpressRequest) => ownSession((name) => req.header(name)))
    const agent = forExpress.createAppAgent<ExpressRequest, ExpressResponse>({ ...options, sessionOf })
    app.use(agent.ownRoutes)
    app.all(
      '/events',
      agent.page(async (_req, res, actions) => res.type('text').send(await page(actions))),
    )
    app.get(
      '/any/*name',
      agent.page(async (req, res, actions) =>
        res.type('text').send(`${String(req.params.name)}: ${await page(actions)}`),
      ),
    )
    app.get(
      '/public',
      agent.page(async (_req, res, actions) => {
        const text = await page(actions)
        res.writeHead(200, publicFields).end(text)
      }),
    )
    app.get(
      '/early',
      agent.page((_req, res, actions) => pipeline(early(page, actions), res)),
    )
    app.post('/sign-out', agent.signOut)
    app.use((error: Error, _req: unknown, res: ExpressResponse, _next: unknown) => {
      res.status(500).send(`500: ${error.message}`)
    })
    const server = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    onTestFinished(() => void server.close())
    return behindProxy((server.address() as AddressInfo).port)
  },

  async fastify({ ownSession, ...options }, { page }) {
    const app = fastify()
    const sessionOf =
      ownSession && ((request: FastifyRequest) => ownSession((name) => request.headers[name]?.toString()))
    const agent = forFastify.createAppAgent<FastifyRequest, FastifyReply>({ ...options, sessionOf })
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    )
    app.addHook('onRequest', agent.ownRoutes)
    app.route({
      method: ['GET', 'POST'],
      url: '/events',
      handler: agent.page(async (_request, reply, actions) => reply.type('text/plain').send(await page(actions))),
    })
    app.get(
      '/any/*',
      agent.page(
        async (request, _reply, actions) => `${(request.params as { '*': string })['*']}: ${await page(actions)}`,
      ),
    )
    app.get(
      '/public',
      agent.page(async (_request, reply, actions) => reply.headers(publicFields).send(await page(actions))),
    )
    app.get(
      '/early',
      agent.page((_request, reply, actions) => reply.send(Readable.from(early(page, actions)))),
    )
    app.post('/sign-out', agent.signOut)
    app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send(`500: ${error.message}`))
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    return behindProxy((app.server.address() as AddressInfo).port)
  },
}
