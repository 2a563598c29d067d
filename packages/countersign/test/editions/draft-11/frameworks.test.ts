import type { ReceivedMessage } from 'countersign'
import { createNodeListener } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import * as forExpress from 'countersign/resource/express'
import * as forFastify from 'countersign/resource/fastify'
import * as forHono from 'countersign/resource/hono'
import * as forKoa from 'countersign/resource/koa'
import { protectMcp } from 'countersign/resource/mcp'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../resource/events-resource.js'
import { openStage, requestOf, requestWith, revocation, revokes, said, signers, tokenOf } from './resource-stage.js'
import { boundTo, ids, newSigner, type WireMessage } from './wire.js'

const read = { require: 'authorization', scope: 'data.read' } as const

const mounts: Record<string, (resource: Resource) => Promise<number>> = {
  async hono(resource) {
    const app = new Hono<{ Bindings: ReceivedMessage }>()
    app.get('/data', forHono.aauth(resource, { require: 'user' }), (c) => c.text(c.var.aauth.sub))
    app.post('/data', forHono.aauth(resource, read), (c) => c.text(c.var.aauth.sub ?? ''))
    app.all('*', (c) => resource.handler(c.req.raw, c.env))
    return listen(createNodeListener(app.fetch, { origin: ids.resource }))
  },
  async express(resource) {
    const [users, reads] = [forExpress.aauth(resource, { require: 'user' }), forExpress.aauth(resource, read)]
    const app = express().use(forExpress.aauthDocuments(resource))
    app.get('/data', users, (request, response) => void response.send(users.verified(request).sub))
    app.post('/data', reads, (request, response) => void response.send(reads.verified(request).sub))
    return listen(app)
  },
  async koa(resource) {
    const [users, reads] = [forKoa.aauth(resource, { require: 'user' }), forKoa.aauth(resource, read)]
    const app = new Koa().use(forKoa.aauthDocuments(resource))
    app.use((ctx, next) => (ctx.method === 'GET' ? users : reads)(ctx, next))
    app.use((ctx) => {
      ctx.body = (ctx.method === 'GET' ? users : reads).verified(ctx).sub
    })
    const answer = app.callback()
    return listen((incoming, outgoing) => void answer(incoming, outgoing))
  },
  async fastify(resource) {
    const [users, reads] = [forFastify.aauth(resource, { require: 'user' }), forFastify.aauth(resource, read)]
    const app = fastify().addHook('onRequest', forFastify.aauthDocuments(resource))
    app.get('/data', { preParsing: users }, async (request) => users.verified(request).sub)
    app.post('/data', { preParsing: reads }, async (request) => reads.verified(request).sub ?? '')
    await app.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => app.close())
    return Number(new URL(app.listeningOrigin).port)
  },
}

async function send(port: number, { method, target, headers, body }: WireMessage): Promise<Response> {
  const fields = headers.filter(([name]) => name !== 'host')
  return fetch(`http://127.0.0.1:${port}${target}`, { method, headers: fields, body: body === '' ? null : body })
}

describe.each(Object.keys(mounts))('draft -11 with %s', (name) => {
  const open = async () => {
    const stage = openStage()
    return { ...stage, port: (await mounts[name]?.(stage.resource)) ?? 0 }
  }
  const post = async (jwt: string) =>
    requestWith(jwt, { method: 'POST', body: '{}', also: ['content-type', 'content-digest'] })

  it('requires one token after the other, and serves', async () => {
    const { port } = await open()
    const unsigned = await send(port, { method: 'GET', target: '/data', headers: [], body: '' })
    expect(said(unsigned)).toEqual({
      status: 401,
      requirement: 'requirement=person-token',
      problem: 'error=invalid_signature',
    })
    const byAgent = await send(port, await requestWith(await tokenOf('agent')))
    expect(said(byAgent)).toEqual({ status: 401, requirement: 'requirement=person-token', problem: undefined })
    const person = await tokenOf('person')
    expect(await (await send(port, await requestWith(person))).text()).toBe('p1')
    const required = await send(port, await post(person))
    expect(said(required).requirement).toBe('requirement=auth-token;resource-token="…"')
    expect(required.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    const served = await send(port, await post(await tokenOf('auth')))
    expect([served.status, await served.text()]).toEqual([200, 'p1'])
  })

  it('serves the document and the endpoints, and a revocation has effect', async () => {
    const { port } = await open()
    const document = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource.json`)
    expect(await document.json()).toMatchObject({ issuer: ids.resource })
    expect((await send(port, await revocation(revokes('j1')))).status).toBe(200)
    const refused = await send(port, await post(await tokenOf('auth', { jti: 'j1' })))
    expect(said(refused).problem).toBe('error=revoked_jwt')
  })
})

describe('an MCP server in draft -11', () => {
  const server = async (request: Request, { authInfo }: { authInfo: { clientId: string; extra: object } }) => {
    const isStart = (await request.text()).includes('"initialize"')
    const headers: Record<string, string> = isStart ? { 'mcp-session-id': 'session-1' } : {}
    return Response.json({ jsonrpc: '2.0', id: 1, result: { authInfo } }, { headers })
  }
  const also = ['content-type', 'content-digest']
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read', arguments: {} } })
  const start = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
  })
  const accept = 'application/json, text/event-stream'

  function openServer() {
    const { resource } = openStage()
    const serve = protectMcp(resource, { tools: { read: 'data.read' } }).around(server)
    return async (
      jwt: string,
      body: string,
      { session, signer = signers.agent }: { session?: string; signer?: typeof signers.agent } = {},
    ) => {
      const fields = { accept, ...(session === undefined ? {} : { 'mcp-session-id': session }) }
      return serve(requestOf(await requestWith(jwt, { signer, method: 'POST', target: '/mcp', body, also, fields })))
    }
  }

  it('keeps a session through all tokens of one key, and no other', async () => {
    const send = openServer()
    const opened = await send(await tokenOf('agent'), start)
    expect([opened.status, opened.headers.get('mcp-session-id')]).toEqual([200, 'session-1'])
    const session = 'session-1'
    const required = await send(await tokenOf('agent'), call, { session })
    expect(said(required)).toMatchObject({ status: 401, requirement: 'requirement=person-token' })
    expect(said(await send(await tokenOf('person'), call, { session })).requirement).toBe(
      'requirement=auth-token;resource-token="…"',
    )
    const called = await send(await tokenOf('auth'), call, { session })
    expect(called.status).toBe(200)
    const { result } = (await called.json()) as { result: { authInfo: object } }
    expect(result.authInfo).toMatchObject({
      clientId: `key ${signers.agent.thumbprint}`,
      scopes: ['data.read'],
      extra: { iss: ids.personServer, sub: 'p1', proof: 'signature' },
    })
    const signer = await newSigner('other')
    const cnf = boundTo(signer)
    expect((await send(await tokenOf('auth', { cnf }), call, { session, signer })).status).toBe(404)
    expect((await send(await tokenOf('auth', { sub: 'p2' }), call, { session })).status).toBe(404)
  })

  it('requires an agent token of anyone', async () => {
    const { resource } = openStage()
    const serve = protectMcp(resource, { tools: {} }).around(server)
    const unsigned = await serve(
      new Request(`${ids.resource}/mcp`, {
        method: 'POST',
        body: start,
        headers: { 'content-type': 'application/json', accept },
      }),
    )
    expect(said(unsigned)).toMatchObject({ status: 401, requirement: 'requirement=agent-token' })
  })
})
