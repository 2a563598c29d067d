import { AAuthError } from 'countersign'
import { january } from 'countersign/editions'
import { receiveRequest } from 'countersign/signatures'
import { StorageError } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { createRequestHandler } from '../../src/http/serve-request.js'

type Given = Parameters<typeof createRequestHandler>
type Route = Given[1][number]

const issuer = 'https://auth.example'
const cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

interface Scene {
  /** Whether the server is overloaded. */
  isFull?: boolean
  claim?: () => Promise<string>
  recordRefusal?: () => Promise<void>
}

/** A server with a few routes. Returns a function that sends requests, and what the server reported. */
function open(scene: Scene = {}) {
  const events: Record<string, unknown>[] = []
  const errors: unknown[] = []
  const recorded: unknown[] = []
  const admitted: { weight: string; entry: object }[] = []
  const fails = () => {
    throw new AAuthError('policy_denied', 'no')
  }
  const routes = [
    { path: '/agent', caller: 'agent', methods: { POST: () => new Response('done'), PUT: fails } },
    {
      path: '/token',
      caller: 'agent',
      methods: { POST: () => new Response('token') },
      startsNew: (body: string) => body === 'new',
      writeRefusal: () => ({ status: 418, headers: {}, body: 'own' }),
    },
    { path: '/doc.v1', caller: 'agent', isLight: true, methods: { GET: () => Response.json({ a: 1 }) } },
    {
      path: '/page',
      caller: 'browser',
      methods: { GET: () => new Response('page'), POST: () => new Response('posted') },
    },
    { path: '/items/:id/edit', caller: 'browser', methods: { GET: ({ id }: { id: string }) => new Response(id) } },
    {
      path: '/broken',
      caller: 'agent',
      methods: {
        GET: () => {
          throw new TypeError('broken')
        },
      },
    },
  ] as unknown as Route[]
  const context = {
    issuer,
    name: 'Home',
    brand: {},
    footer: {},
    lifetimes: { authToken: 600 },
    transports: { paths: [] },
    storage: { claimIssuer: scene.claim ?? (async () => issuer) },
    knownCallers: { shareOf: ({ remoteAddress }: { remoteAddress?: string }) => ['other', remoteAddress ?? 'x'] },
    tell: (event: Record<string, unknown>) => events.push(event),
    onError: (...told: unknown[]) => errors.push(told),
    recorder: {
      async recordRefusal(...refused: unknown[]) {
        recorded.push(refused)
        await scene.recordRefusal?.()
      },
    },
    workload: {
      async admit({
        weight,
        entry,
        run,
      }: {
        weight: string
        entry: () => object | Promise<object>
        run: () => Promise<unknown>
      }) {
        admitted.push({ weight, entry: await entry() })
        return scene.isFull ? undefined : run()
      },
    },
  } as unknown as Given[0]
  const handle = createRequestHandler(context, routes, january)
  const send = async (path: string, method = 'GET', body?: string) => {
    const init = { method, headers: { accept: 'x' }, ...(body === undefined ? {} : { body }) }
    const request = new Request(issuer + path, init)
    const response = await handle(request, receiveRequest(request, '192.0.2.1'), 'request-1')
    const headers = Object.fromEntries([...response.headers].filter(([name]) => /^(?:access-|allow|retry)/.test(name)))
    const text = await response.text()
    return { status: response.status, headers, text: /data-error-code="([^"]*)"/.exec(text)?.[1] ?? text }
  }
  return { send, events, errors, recorded, admitted }
}

it.each<[string, string, number, string, object]>([
  ['POST', '/agent', 200, 'done', cors],
  ['GET', '/doc.v1', 200, '{"a":1}', cors],
  ['HEAD', '/doc.v1', 200, '', cors],
  ['GET', '/doc.v1?x=/y', 200, '{"a":1}', cors],
  ['GET', '/docxv1', 404, 'not_found', {}],
  ['GET', '/page', 200, 'page', {}],
  ['POST', '/page', 200, 'posted', {}],
  ['HEAD', '/page', 200, '', {}],
  ['DELETE', '/page', 405, 'method_not_allowed', { allow: 'GET, POST' }],
  ['OPTIONS', '/page', 405, 'method_not_allowed', { allow: 'GET, POST' }],
  ['OPTIONS', '/nowhere', 404, 'not_found', {}],
  ['GET', '/nowhere', 404, 'not_found', {}],
  ['GET', '/items/a/edit', 200, 'a', {}],
  ['GET', '/items/a%20b/edit', 200, 'a b', {}],
  ['GET', '/items/a/b/edit', 404, 'not_found', {}],
  ['GET', '/items//edit', 404, 'not_found', {}],
  ['GET', '/items/%zz/edit', 404, 'not_found', {}],
  ['GET', '/items/a/edits', 404, 'not_found', {}],
  ['GET', '/x/items/a/edit', 404, 'not_found', {}],
  ['POST', '/items/a/edit', 405, 'method_not_allowed', { allow: 'GET' }],
  ['GET', '/toString', 404, 'not_found', {}],
])('%s %s has the response %i %s', async (method, path, status, text, headers) => {
  expect(await open().send(path, method)).toEqual({ status, text, headers })
})

it.each(['toString', 'constructor'])('a method that no route has is not one of every object: %s', async (method) => {
  expect((await open().send('/page', method)).status).toBe(405)
})

it('a preflight request learns the methods, for a day', async () => {
  const { status, headers, text } = await open().send('/agent', 'OPTIONS')
  expect({ status, text }).toEqual({ status: 204, text: '' })
  expect(headers).toEqual({
    ...cors,
    'access-control-allow-methods': 'POST, PUT',
    'access-control-allow-headers': '*, authorization',
    'access-control-max-age': '86400',
  })
})

it('refuses agents in JSON, in the format of the route if it has one, also below a well-known path', async () => {
  const { send } = open()
  const refused = await send('/agent', 'PUT', '')
  expect(refused).toMatchObject({ status: 403, headers: cors })
  expect(JSON.parse(refused.text)).toMatchObject({ error: 'access_denied' })
  expect(await send('/token', 'GET')).toMatchObject({ status: 418, text: 'own' })
  expect(JSON.parse((await send('/.well-known/x')).text)).toHaveProperty('error')
  expect((await send('/well-known/x')).text).toBe('not_found')
})

it('reports each request, by its route', async () => {
  const { send, events } = open()
  await send('/doc.v1?a=1')
  await send('/items/a/edit')
  await send(`/${'x'.repeat(300)}`)
  const duration = expect.any(Number)
  const common = { kind: 'request', requestId: 'request-1', method: 'GET', duration }
  const requests = events.filter(({ kind }) => kind === 'request')
  expect(requests).toEqual([
    { ...common, route: '/doc.v1', outcome: 'ok', status: 200, path: '/doc.v1' },
    { ...common, route: '/items/:id/edit', outcome: 'ok', status: 200, path: '/items/a/edit' },
    { ...common, route: 'none', outcome: 'not_found', status: 404, path: `/${'x'.repeat(255)}` },
  ])
  for (const { duration: seconds } of requests) {
    expect(seconds).toBeGreaterThanOrEqual(0)
    expect(seconds).toBeLessThan(60)
  }
})

it('reports each refusal to events and the audit log, even if that fails', async () => {
  const noRow = new Error('no row')
  const { send, events, recorded, errors } = open({ recordRefusal: () => Promise.reject(noRow) })
  await send('/agent', 'PUT', '')
  const refusal = expect.objectContaining({ code: 'policy_denied', status: 403 })
  expect(events).toMatchObject([
    { kind: 'refusal', code: 'policy_denied', requestId: 'request-1' },
    { kind: 'request', outcome: 'policy_denied', status: 403 },
  ])
  expect(recorded).toEqual([[refusal, '192.0.2.1']])
  expect(errors).toEqual([[noRow, 'request-1']])
})

it('reports bugs', async () => {
  const { send, errors } = open()
  expect((await send('/broken')).status).toBe(500)
  expect(errors).toEqual([[expect.objectContaining({ message: 'broken' }), 'request-1']])
})

describe('under overload', () => {
  it('sheds a request with a time to retry, which differs', async () => {
    const { send, events, errors } = open({ isFull: true })
    const times = new Set<unknown>()
    for (let sent = 0; sent < 60; sent++) {
      const { status, headers } = await send('/page')
      expect(status).toBe(503)
      times.add((headers as Record<string, string>)['retry-after'])
    }
    expect(times).toEqual(new Set(['1', '2', '3']))
    expect(errors).toEqual([])
    expect(events[0]).toMatchObject({ kind: 'refusal', code: 'temporarily_unavailable' })
  })

  it.each<[string, string, string | undefined, string, object]>([
    ['/page', 'GET', undefined, 'heavy', {}],
    ['/doc.v1', 'GET', undefined, 'light', {}],
    ['/nowhere', 'GET', undefined, 'light', {}],
    ['/token', 'POST', 'new', 'heavy', { yields: true }],
    ['/token', 'POST', 'old', 'heavy', { yields: false }],
    ['/token', 'GET', undefined, 'heavy', {}],
    ['/token', 'POST', 'x'.repeat(100_000), 'heavy', { yields: false }],
  ])('%s %s counts against the share of its network', async (path, method, body, weight, more) => {
    const { send, admitted } = open()
    await send(path, method, body)
    expect(admitted).toEqual([{ weight, entry: { path: ['other', '192.0.2.1'], ...more } }])
  })
})

describe('the database', () => {
  it('must belong to this issuer, which is checked until it is known', async () => {
    let owner = 'https://other.example'
    let claims = 0
    const claim = async () => {
      claims += 1
      return owner
    }
    const { send, errors } = open({ claim })
    expect((await send('/page')).status).toBe(500)
    expect(errors).toHaveLength(1)
    owner = issuer
    for (let sent = 0; sent < 3; sent++) expect((await send('/page')).status).toBe(200)
    expect(claims).toBe(2)
  })

  it('may be down: what needs it fails by itself', async () => {
    const down = new StorageError('unavailable', 'down')
    let claims = 0
    const claim = () => {
      claims += 1
      return Promise.reject(down)
    }
    const { send } = open({ claim })
    for (let sent = 0; sent < 2; sent++) expect((await send('/page')).status).toBe(200)
    expect(claims).toBe(2)
  })
})
