import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAppAgent as forExpress } from 'countersign/agent/express'
import { createAppAgent as forFastify } from 'countersign/agent/fastify'
import { createAppAgent as forHono } from 'countersign/agent/hono'
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from 'express'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import { onTestFinished } from 'vitest'
import { agentSigner, ids, openStage } from '../stage.js'

type HonoOptions = Parameters<typeof forHono>[0]

export interface AppOptions extends Omit<HonoOptions, 'id' | 'signer' | 'authServers' | 'sessionOf'> {
  id?: string
  /** Finds the app's own session by the value of a header. */
  ownSession?: (header: string | undefined) => string | undefined
}

/** Actions that a page receives. */
export type PageAgent = Parameters<Parameters<ReturnType<typeof forHono>['page']>[0]>[1]
type Page = (agent: PageAgent) => Promise<string>

interface Mounted {
  agent: ReturnType<typeof forHono>['agent']
  send: (path: string, init: RequestInit) => Response | Promise<Response>
}
type Mount = (options: HonoOptions, ownSession: AppOptions['ownSession'], page: Page) => Promise<Mounted>

/** Headers that a page sets: two that would store it in shared caches, and a cookie of the agent. */
const own = { 'cache-control': 'public', 'cdn-cache-control': 'max-age=60' }
const ownCookies = ['theme=dark', '__Host-agent=planted', '__Host-agent-visit=planted']
const sessionHeader = 'x-session'

/** The same app in each framework: `/events` for any method, `/public` with its own headers, `/early`, and `/sign-out`. */
export const mounts: Record<string, Mount> = {
  async hono(options, ownSession, page) {
    const app = new Hono()
    const sessionOf = ownSession && ((c: Context) => ownSession(c.req.header(sessionHeader)))
    const agent = forHono({ ...options, sessionOf })
    app.use(agent.ownRoutes)
    const events = agent.page(async (c, actions) => c.text(await page(actions)))
    app.all('/events', events)
    app.get(
      '/public',
      agent.page(async (_c, actions) => {
        const headers = new Headers(own)
        for (const line of ownCookies) headers.append('set-cookie', line)
        return new Response(await page(actions), { headers, status: 201 })
      }),
    )
    app.post('/sign-out', agent.signOut)
    app.onError((error, c) => c.text(error.message, 500))
    return { agent: agent.agent, send: (path, init) => app.request(ids.agent + path, init) }
  },

  async express(options, ownSession, page) {
    const app = express()
    const sessionOf = ownSession && ((req: ExpressRequest) => ownSession(req.header(sessionHeader)))
    const agent = forExpress<ExpressRequest, ExpressResponse>({ ...options, sessionOf })
    app.use(agent.ownRoutes)
    const events = agent.page(async (_req, res, actions) => res.type('text').send(await page(actions)))
    app.all('/events', events)
    app.get(
      '/public',
      agent.page(async (_req, res, actions) => {
        const text = await page(actions)
        res.writeHead(201, { ...own, 'set-cookie': ownCookies }).end(text)
      }),
    )
    app.get(
      '/early',
      agent.page(async (_req, res, actions) => {
        res.write('early: ')
        res.end(await page(actions).catch(String))
      }),
    )
    app.post('/sign-out', agent.signOut)
    app.use((error: Error, _req: unknown, res: ExpressResponse, _next: unknown) => {
      res.status(500).send(error.message)
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close().closeAllConnections()
    })
    const { port } = server.address() as AddressInfo
    return {
      agent: agent.agent,
      send: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, { ...init, redirect: 'manual' }),
    }
  },

  async fastify(options, ownSession, page) {
    const app = fastify()
    const sessionOf =
      ownSession && ((request: FastifyRequest) => ownSession(request.headers[sessionHeader]?.toString()))
    const agent = forFastify<FastifyRequest, FastifyReply>({ ...options, sessionOf })
    app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    app.addHook('onRequest', agent.ownRoutes)
    const events = agent.page(async (_request, _reply, actions) => page(actions))
    app.route({ method: ['GET', 'HEAD', 'POST'], url: '/events', handler: events })
    app.get(
      '/public',
      agent.page(async (_request, reply, actions) => {
        const text = await page(actions)
        return reply
          .code(201)
          .headers({ ...own, 'set-cookie': ownCookies })
          .send(text)
      }),
    )
    app.post('/sign-out', agent.signOut)
    app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send(error.message))
    await app.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => app.close())
    const { port } = app.server.address() as AddressInfo
    return {
      agent: agent.agent,
      send: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, { ...init, redirect: 'manual' }),
    }
  },
}

/** An app whose page shows the API's response, and the API and the auth server of {@link openStage}. */
export async function openApp({ ownSession, ...options }: AppOptions = {}, mount: Mount = mounts.hono as Mount) {
  const stage = openStage()
  const scene: { page: Page; made: number } = {
    page: async ({ fetch }) => (await fetch(ids.api)).text(),
    made: 0,
  }
  const { send, agent } = await mount(
    {
      id: ids.agent,
      signer: agentSigner,
      authServers: [ids.authServer],
      fetch: stage.toPeers,
      now: () => stage.clock.now,
      ...options,
    },
    ownSession,
    (actions) => {
      scene.made++
      return scene.page(actions)
    },
  )

  /** A browser, which returns the cookies that it received. */
  function openBrowser() {
    const cookies = new Map<string, string>()
    async function request(path: string, init: RequestInit = {}): Promise<Response> {
      const headers = new Headers(init.headers)
      if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
      const response = await send(path, { ...init, headers })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (line.endsWith('Max-Age=0')) cookies.delete(name)
        else cookies.set(name, value)
      }
      return response
    }
    /** Requests a page and passes the cookie check, if there is one. */
    async function visit(path = '/events', init: RequestInit = {}): Promise<Response> {
      const first = await request(path, init)
      if (!toOf(first).startsWith('/callback?visit=')) return first
      const checked = await request(toOf(first), init)
      return request(toOf(checked), checked.status === 307 ? init : { headers: init.headers ?? {} })
    }
    /** The path of the callback with which a user responds on the consent page. */
    function callbackFor(consentUrl: string, parameters: Record<string, string> = { code: 'the-code' }): string {
      const consent = new URL(consentUrl).searchParams
      const callback = new URL(consent.get('redirect_uri') ?? '')
      callback.searchParams.set('state', consent.get('state') ?? '')
      for (const [name, value] of Object.entries(parameters)) callback.searchParams.set(name, value)
      return callback.pathname + callback.search
    }
    /** Has the user allow what the page needs. */
    async function allow(path = '/events', init: RequestInit = {}): Promise<Response> {
      return request(callbackFor(toOf(await visit(path, init))), init)
    }
    return { cookies, request, visit, callbackFor, allow }
  }
  return { stage, scene, agent, openBrowser }
}

/** Where a response redirects to: a path of the app, or a URL of another site. */
export function toOf(response: Response): string {
  return (response.headers.get('location') ?? '').replace(ids.agent, '')
}
