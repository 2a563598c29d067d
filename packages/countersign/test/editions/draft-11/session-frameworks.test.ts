import { createServer, type IncomingMessage } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { ReceivedMessage } from 'countersign'
import { createAgent } from 'countersign/agent'
import { draft11Agent, draft11ResourceWith } from 'countersign/editions/draft-11'
import { createSessions, type Sessions } from 'countersign/editions/draft-11/sessions'
import { createNodeListener, createSessionListener, sessionOf } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../resource/events-resource.js'
import { deferralIn, openStage, requestWith, said, signers, tokenOf } from './resource-stage.js'
import { ids, now, type WireMessage, type WireRequest } from './wire.js'

const page = `${ids.resource}/connect`
const isOpen = (path: string) => path === '/connect'

/** An app of each framework, which returns the user of the session, and what it received, and has an open page. */
const apps: Record<string, (sessions: Sessions, resource: Resource) => Promise<number>> = {
  async hono(sessions, resource) {
    const app = new Hono<{ Bindings: ReceivedMessage }>()
    const notes = sessions.around(resource, async (request, { user }) =>
      Response.json([user, request.method, new URL(request.url).search, await request.text()]),
    )
    app.all('/notes', (c) => notes(c.req.raw, c.env))
    app.all('/aauth/pending/*', (c) => notes(c.req.raw, c.env))
    app.get('/connect', (c) => c.text('decide'))
    app.all('*', (c) => resource.handler(c.req.raw))
    return listen(createNodeListener(app.fetch, { origin: ids.resource }))
  },
  async 'node:http'(sessions, resource) {
    const app = createServerApp(async (incoming, url) => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      return [sessionOf(incoming).user, incoming.method, url.search, Buffer.concat(chunks).toString()]
    })
    return listen(createSessionListener(sessions, resource, app, { isOpen }))
  },
  async express(sessions, resource) {
    const app = express()
    app.use(express.text())
    app.all('/notes', (request, response) => {
      const { search } = new URL(request.originalUrl, ids.resource)
      response.json([sessionOf(request).user, request.method, search, request.body ?? ''])
    })
    app.get('/connect', (_request, response) => void response.send('decide'))
    return listen(createSessionListener(sessions, resource, app, { isOpen }))
  },
  async koa(sessions, resource) {
    const app = new Koa()
    app.use(async (ctx) => {
      if (ctx.path === '/connect') {
        ctx.body = 'decide'
        return
      }
      const chunks: Buffer[] = []
      for await (const chunk of ctx.req) chunks.push(chunk as Buffer)
      ctx.body = [sessionOf(ctx.req).user, ctx.method, ctx.search, Buffer.concat(chunks).toString()]
    })
    return listen(createSessionListener(sessions, resource, app.callback(), { isOpen }))
  },
  async fastify(sessions, resource) {
    const app = fastify({
      serverFactory: (handler) => createServer(createSessionListener(sessions, resource, handler, { isOpen })),
    })
    app.all('/notes', async (request) => {
      const { search } = new URL(request.originalUrl, ids.resource)
      return [sessionOf(request.raw).user, request.method, search, request.body ?? '']
    })
    app.get('/connect', async () => 'decide')
    await app.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => app.close())
    return Number(new URL(app.listeningOrigin).port)
  },
}

function createServerApp(respond: (incoming: IncomingMessage, url: URL) => Promise<unknown[]>) {
  return async (incoming: IncomingMessage, outgoing: { end(text: string): unknown }) => {
    const url = new URL(incoming.url ?? '/', ids.resource)
    outgoing.end(url.pathname === '/connect' ? 'decide' : JSON.stringify(await respond(incoming, url)))
  }
}

async function send(port: number, { method, target, headers, body }: WireMessage): Promise<Response> {
  const fields = headers.filter(([name]) => name !== 'host')
  return fetch(`http://127.0.0.1:${port}${target}`, { method, headers: fields, body: body === '' ? null : body })
}

describe.each(Object.keys(apps))('sessions with %s', (name) => {
  const open = async () => {
    const sessions = createSessions({ page, now: () => now })
    const stage = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined })
    const port = (await apps[name]?.(sessions, stage.resource)) ?? 0
    const ask = async (parts: Partial<WireRequest> = {}) =>
      send(port, await requestWith(await tokenOf('agent'), { target: '/notes', ...parts }))
    return { sessions, port, ask }
  }

  it('execute a call that was kept, once, as it was signed, and the calls after it', async () => {
    const { sessions, port, ask } = await open()
    const fields = { 'content-type': 'text/plain' }
    const post = { method: 'POST', target: '/notes?a=1', body: 'Tea', fields, also: ['content-digest', '@query'] }
    const deferred = await ask({ ...post, also: [...post.also, 'content-type'] })
    expect(deferred.status).toBe(202)
    const { location, code } = deferralIn(deferred)
    const target = new URL(location).pathname
    expect(await (await ask({ target })).json()).toEqual({ status: 'pending' })
    await sessions.open(code, 'ann')
    await sessions.decide(code, 'ann', 'allow')
    const polled = await ask({ target })
    expect([polled.status, await polled.json()]).toEqual([200, ['ann', 'POST', '?a=1', 'Tea']])
    expect(polled.headers.get('cache-control')).toBe('private, no-store')
    const access = polled.headers.get('aauth-access') ?? ''
    expect((await ask({ target })).status).toBe(410)
    const withAccess = { fields: { authorization: `AAuth ${access}` }, also: ['authorization'] }
    const next = await ask(withAccess)
    expect([next.status, await next.json()]).toEqual([200, ['ann', 'GET', '', '']])
    expect([next.headers.get('aauth-access'), next.headers.get('cache-control')]).toEqual([null, 'private, no-store'])
    const posted = await ask({
      ...post,
      fields: { ...fields, ...withAccess.fields },
      also: [...post.also, 'content-type', 'authorization'],
    })
    expect(await posted.json()).toEqual(['ann', 'POST', '?a=1', 'Tea'])
    const document = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource.json`)
    expect(await document.json()).toMatchObject({ access_mode: 'session-token' })
  })

  it('refuse what is not signed, and serve the page of the API', async () => {
    const { port } = await open()
    const unsigned = await fetch(`http://127.0.0.1:${port}/notes`)
    expect(said(unsigned)).toMatchObject({ status: 401, requirement: 'requirement=agent-token' })
    expect(await (await fetch(`http://127.0.0.1:${port}/connect?code=x`)).text()).toBe('decide')
  })
})

it('a path without sessions has none, and what an app throws becomes 500', async () => {
  const sessions = createSessions({ page, now: () => now })
  const { resource } = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined })
  const warnings: string[] = []
  const warn = ({ message }: Error) => void warnings.push(message)
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  const app = (incoming: IncomingMessage, outgoing: { end(text: string): unknown }) => {
    if (incoming.url !== '/connect') throw new Error('the app failed')
    outgoing.end(String(expectNone(() => sessionOf(incoming))))
  }
  const open = { isOpen: (path: string) => path === '/connect' || path === '/broken' }
  const port = await listen(createSessionListener(sessions, resource, app, open))
  expect(await (await fetch(`http://127.0.0.1:${port}/connect`)).text()).toContain('this request has no session')
  expect((await fetch(`http://127.0.0.1:${port}/broken`)).status).toBe(500)
  const ask = async (target: string) => send(port, await requestWith(await tokenOf('agent'), { target }))
  const { location, code } = deferralIn(await ask('/notes'))
  await sessions.open(code, 'ann')
  await sessions.decide(code, 'ann', 'allow')
  expect((await ask(new URL(location).pathname)).status).toBe(500)
  await expect.poll(() => warnings.join()).toContain('the app failed')
  expect(() => createSessionListener(sessions, resource, {} as never)).toThrow('the app must be a listener')
})

function expectNone(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

describe('an MCP server behind sessions', () => {
  it('is connected to after its user has decided, and knows the user in every call', async () => {
    const sessions = createSessions({ page, now: () => now })
    const { resource, publish } = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined })
    publish(ids.agent, 'aauth-agent.json', signers.provider)
    const server = createMcpHandler(() => {
      const created = new McpServer({ name: 'notes', version: '1.0.0' })
      created.registerTool('whose', {}, async ({ http }) => ({
        content: [{ type: 'text', text: JSON.stringify(http?.authInfo?.extra) }],
      }))
      return created
    })
    const serve = sessions.around(resource, (request, { id, user, agent, delegate }) =>
      server.fetch(request, { authInfo: { token: id, clientId: delegate, scopes: [], extra: { agent, user } } }),
    )
    let decisions = 0
    const agent = createAgent({
      edition: draft11Agent,
      id: ids.agent,
      signer: signers.provider,
      authServers: [ids.personServer],
      onePerson: true,
      now: () => now,
      async onConsent({ code }) {
        decisions++
        await sessions.open(code, 'ann')
        await sessions.decide(code, 'ann', 'allow')
      },
      async fetch(input, init) {
        const request = new Request(input, init)
        if (!request.url.startsWith(ids.resource)) return new Response(null, { status: 404 })
        return resource.publishedPaths.has(new URL(request.url).pathname) ? resource.handler(request) : serve(request)
      },
    })
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${ids.resource}/mcp`), { fetch: agent.fetch }))
    const result = await client.callTool({ name: 'whose', arguments: {} })
    expect(result.content).toEqual([{ type: 'text', text: JSON.stringify({ agent: ids.agent, user: 'ann' }) }])
    expect(decisions).toBe(1)
    await client.close()
  })
})
