import { bodyParser } from '@koa/bodyparser'
import { january } from 'countersign/editions'
import { aauth, aauthDocuments } from 'countersign/resource/koa'
import { signRequest } from 'countersign/signatures'
import Koa from 'koa'
import mount from 'koa-mount'
import { describe, expect, it } from 'vitest'
import { agentSigner, byToken, id, json, listen, mayWrite, openResource } from './events-resource.js'

async function post(port: number, path: string, init: RequestInit, sentTo = path): Promise<Response> {
  const { method, headers } = await signRequest(new Request(`${id}${path}`, { method: 'POST', ...init }), {
    profile: january.signing,
    signer: agentSigner,
    signatureKey: await byToken('events.write'),
  })
  return fetch(`http://127.0.0.1:${port}${sentTo}`, { method, headers, body: init.body ?? null })
}

function listenTo(app: Koa): Promise<number> {
  const answer = app.callback()
  return listen((incoming, outgoing) => void answer(incoming, outgoing))
}

const note = json({ note: 1 })

describe('bodies after the gate', () => {
  it('are in ctx.request.body, and a later parser leaves them unchanged', async () => {
    const app = new Koa()
    const writes = aauth(openResource(), mayWrite)
    app.use(writes).use(bodyParser({ enableTypes: ['json', 'form', 'text'] }))
    app.use((ctx) => {
      ctx.body = { parsed: ctx.request.body ?? null, bytes: writes.verified(ctx).body.length }
    })
    const port = await listenTo(app)
    expect(await (await post(port, '/events', note)).json()).toEqual({ parsed: { note: 1 }, bytes: 10 })
    const text = await post(port, '/events', { body: 'plain', headers: { 'content-type': 'text/plain' } })
    expect(await text.json()).toEqual({ parsed: null, bytes: 5 })
    const twice = await post(port, '/events', { ...note, body: '{"a":1,"a":2}' })
    expect(twice.status, 'a duplicate member').toBe(400)
  })

  it('that an earlier parser has read are refused', async () => {
    const app = new Koa()
    app.use(bodyParser()).use(aauth(openResource(), mayWrite))
    app.use((ctx) => {
      ctx.body = 'ran'
    })
    const answer = await post(await listenTo(app), '/events', note)
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('ran')
  })
})

describe('below a mount path', () => {
  async function mounted(path: string): Promise<number> {
    const inner = new Koa()
    const writes = aauth(openResource(), mayWrite)
    inner.use(writes).use((ctx) => {
      ctx.body = { path: ctx.path, signed: writes.verified(ctx).path }
    })
    const app = new Koa()
    app.use(mount(path, inner))
    return listenTo(app)
  }

  it.each([
    ['/api', '/api/events', '/events'],
    ['/api', '/api', '/'],
    ['/a/b', '/a/b/events?x=1', '/events'],
  ])('%s: the full path is the signed one: %s', async (path, sent, seen) => {
    const answer = await post(await mounted(path), sent, note)
    expect(await answer.json()).toEqual({ path: seen, signed: sent.split('?', 1)[0] })
  })

  it('a path other than the signed one is rejected', async () => {
    expect((await post(await mounted('/api'), '/events', note, '/api/events')).status).toBe(401)
  })
})

it('a request changed after the gate does not count as verified', async () => {
  const app = new Koa()
  const writes = aauth(openResource(), mayWrite)
  const errors: unknown[] = []
  app.on('error', (error) => errors.push(error))
  app.use(writes).use((ctx) => {
    ctx.url = '/other'
    ctx.body = writes.verified(ctx).path
  })
  expect((await post(await listenTo(app), '/events', note)).status).toBe(500)
  expect(errors).toMatchObject([{ code: 'request_changed' }])
})

it('the documents are served at their own paths, and no shared cache stores a response', async () => {
  const app = new Koa()
  const resource = openResource()
  app.use(aauthDocuments(resource)).use(aauth(resource, mayWrite))
  app.use((ctx) => {
    ctx.set('cache-control', 'public, max-age=60')
    ctx.body = 'ran'
  })
  const port = await listenTo(app)
  const document = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource`)
  expect(await document.json()).toMatchObject({ resource: id })
  const answer = await post(port, '/events', note)
  expect(await answer.text()).toBe('ran')
  expect(answer.headers.get('cache-control')).toBe('private, no-store')
  expect(answer.headers.get('vary')).toContain('Signature-Key')
})
