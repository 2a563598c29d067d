import { gzipSync } from 'node:zlib'
import * as forExpress from 'countersign/resource/express'
import { receiveRequest } from 'countersign/signatures'
import express, { type RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { exchange } from '../attacks/raw-http.js'
import { byAgent, json, listen, mayWrite, openResource, signed } from './events-resource.js'

/** A request with content of a media type. */
const content = (type: string, body: string | Uint8Array<ArrayBuffer>) => ({
  method: 'POST',
  body,
  headers: { 'content-type': type },
})

interface Around {
  before?: RequestHandler
  after?: RequestHandler
  maxBody?: number
}

const pass: RequestHandler = (_req, _res, next) => next()

/** Sends a signed request to an app whose handler returns its body. */
async function send(
  init: RequestInit,
  { before = pass, after = pass, maxBody }: Around = {},
  extra: readonly [string, string][] = [],
) {
  const app = express()
  const resource = openResource(maxBody === undefined ? {} : { maxBody })
  const may = forExpress.aauth(resource, mayWrite)
  app.use(before, forExpress.aauthDocuments(resource))
  app.post('/events', may, after, (req, res) => {
    const { body } = req as { body?: unknown }
    if (body instanceof Uint8Array) res.json({ bytes: Buffer.from(body).toString() })
    else res.json({ body, type: typeof body, members: JSON.stringify(body) })
  })
  const request = await signed('/events', init)
  const bytes = await receiveRequest(request).body(10_000_000)
  const headers: [string, string][] = [['host', 'api.example'], ...request.headers, ...extra]
  const answer = await exchange(await listen(app), { method: 'POST', target: '/events', headers, body: bytes })
  const parsed = JSON.parse(Buffer.from(answer.body, 'latin1').toString()) as {
    body?: unknown
    type?: string
    error?: string
    error_description?: string
  }
  return { status: answer.status, type: answer.headers.get('content-type'), ...parsed, headers: answer.headers }
}

/** The body that the handler received. */
async function bodyOf(init: RequestInit, around?: Around): Promise<unknown> {
  const { status, body, error_description } = await send(init, around)
  expect([status, error_description]).toEqual([200, undefined])
  return body
}

const refused = (status: number, error: string, why: string) => ({
  status,
  error,
  error_description: expect.stringContaining(why),
  type: 'application/json',
})

const keeping: NonNullable<Parameters<typeof express.json>[0]>['verify'] = (req, _res, bytes) => {
  Object.assign(req, { rawBody: bytes })
}

describe('req.body after aauth', () => {
  it.each([
    ['application/json', '{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
    ['Application/JSON; charset="UTF-8"', '[1]', [1]],
    ['application/ld+json;charset=utf8', '{"ü":"é"}', { ü: 'é' }],
    ['application/json', '\ufeff{"a":1}', { a: 1 }],
    ['application/x-www-form-urlencoded', 'a=1&b=2+%C3%A9&a=3&a=', { a: ['1', '3', ''], b: '2 é' }],
    [
      'application/x-www-form-urlencoded;charset=utf-8',
      'a[b]=1&constructor=2&toString=3',
      { 'a[b]': '1', constructor: '2', toString: '3' },
    ],
    ['application/x-www-form-urlencoded', '&=', { '': '' }],
  ])('is parsed as %s: %j', async (type, text, value) => {
    expect(await bodyOf(content(type, text))).toEqual(value)
  })

  it.each([
    ['text/plain', '{"a":1}'],
    ['application/jsonp', '{"a":1}'],
    ['application/json5', '{"a":1}'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['application/octet-stream', '{"a":1}'],
  ])('is not set for %s', async (type, text) => {
    expect(await bodyOf(content(type, text))).toBeUndefined()
  })

  it('is not set if there is no body', async () => {
    expect(await bodyOf({ method: 'POST' })).toBeUndefined()
    expect(await bodyOf({ method: 'POST', headers: { 'content-type': 'application/json' } })).toBeUndefined()
  })

  it.each<[string, string | Uint8Array<ArrayBuffer>, string]>([
    ['application/json', '{"a":1', 'not a JSON object or array'],
    ['application/json', "{'a':1}", 'not a JSON object or array'],
    ['application/json', '"a"', 'not a JSON object or array'],
    ['application/json', 'null', 'not a JSON object or array'],
    ['application/json', '1', 'not a JSON object or array'],
    ['application/json', '{"a":1,"a":2}', 'a duplicate member'],
    ['application/json', '[{"b":{"a":1,"\\u0061":2}}]', 'a duplicate member'],
    ['application/json', '{"__proto__":{"admin":true}}', 'member __proto__'],
    ['application/json', '[[{"a":{"\\u005f_proto__":1}}]]', 'member __proto__'],
    ['application/json', '{"constructor":{"prototype":{"admin":true}}}', 'member constructor'],
    ['application/json', Buffer.from('{"a":"\xe9"}', 'latin1'), 'not valid UTF-8'],
    ['application/x-www-form-urlencoded', 'a=1&__proto__=2', 'field __proto__'],
    ['application/x-www-form-urlencoded', '%5f_proto__=2', 'field __proto__'],
    ['application/x-www-form-urlencoded', Buffer.from('a=\xe9', 'latin1'), 'not valid UTF-8'],
  ])('is rejected if it is not valid %s: %s', async (type, text, why) => {
    expect(await send(content(type, text))).toMatchObject(refused(400, 'invalid_request', why))
  })

  it('may have members named constructor and prototype', async () => {
    expect(await bodyOf(json({ constructor: { a: 1 }, prototype: 2 }))).toEqual({ constructor: { a: 1 }, prototype: 2 })
  })

  it.each([
    'application/json; charset=utf-16',
    'application/json;charset=iso-8859-1',
    'application/x-www-form-urlencoded; charset="latin1"',
  ])('is rejected in another charset: %s', async (type) => {
    expect(await send(content(type, '{}'))).toMatchObject(refused(415, 'invalid_request', 'UTF-8'))
  })

  it('is not decompressed: compressed JSON is rejected, and other content is left to the handler', async () => {
    const packed = (type: string) => {
      const { headers, ...rest } = content(type, gzipSync('{"a":1}'))
      return { ...rest, headers: { ...headers, 'content-encoding': 'gzip' } }
    }
    expect(await send(packed('application/json'))).toMatchObject(refused(415, 'invalid_request', 'Content-Encoding'))
    expect(await bodyOf(packed('application/octet-stream'))).toBeUndefined()
    expect(
      await bodyOf({
        ...json({ a: 1 }),
        headers: { 'content-type': 'application/json', 'content-encoding': 'Identity' },
      }),
    ).toEqual({ a: 1 })
  })

  it('is rejected with two media types', async () => {
    const { status, error } = await send(json({ a: 1 }), {}, [['content-type', 'text/plain']])
    expect([status, error]).toEqual([401, 'invalid_signature'])
  })

  it('is rejected over the limit, and the connection closes', async () => {
    expect(await bodyOf(json('a'.repeat(97).split('')), { maxBody: 400 })).toHaveLength(97)
    const { headers, ...answer } = await send(json({ a: 'a'.repeat(100) }), { maxBody: 100 })
    expect(answer).toMatchObject(refused(413, 'invalid_request', 'larger than 100 bytes'))
    expect(headers.get('connection')).toBe('close')
  })

  it('is rejected if it is nested too deep to traverse', async () => {
    const nested = (depth: number) => content('application/json', `${'['.repeat(depth)}${']'.repeat(depth)}`)
    const before = express.json({ verify: keeping, limit: '1mb' })
    const answers = [nested(1000), nested(1001), nested(500_000)].map(async (init) => {
      return [(await send(init)).status, (await send(init, { before })).status]
    })
    expect(await Promise.all(answers)).toEqual([
      [200, 200],
      [400, 400],
      [400, 400],
    ])
    expect(await send(nested(1001))).toMatchObject(refused(400, 'invalid_request', 'nested more than 1000 levels deep'))
  })
})

describe('parsers after aauth', () => {
  it.each([
    ['express.json', express.json()],
    ['express.urlencoded', express.urlencoded()],
    ['express.raw', express.raw({ type: '*/*' })],
    ['express.text', express.text({ type: '*/*' })],
  ])('%s leaves the body unchanged', async (_name, after) => {
    expect(await bodyOf(json({ a: 1 }), { after })).toEqual({ a: 1 })
  })

  it('see the marker that Express 4 parsers set', async () => {
    const marks: unknown[] = []
    const after: RequestHandler = (req, _res, next) => {
      marks.push('_body' in req && req._body)
      next()
    }
    await bodyOf(json({ a: 1 }), { after })
    expect(marks).toEqual([true])
  })
})

describe('parsers before aauth', () => {
  const form = content('application/x-www-form-urlencoded', 'a=1&a=2&b=3')

  it.each<[string, RequestHandler, RequestInit, unknown]>([
    ['express.json', express.json({ verify: keeping }), json({ a: [1] }), { a: [1] }],
    [
      'express.json with a reviver for dates',
      express.json({ verify: keeping, reviver: dates }),
      json({ on: '2026-01-01T00:00:00.000Z' }),
      { on: '2026-01-01T00:00:00.000Z' },
    ],
    ['express.urlencoded', express.urlencoded({ verify: keeping }), form, { a: ['1', '2'], b: '3' }],
    [
      'express.urlencoded, extended',
      express.urlencoded({ verify: keeping, extended: true }),
      form,
      { a: ['1', '2'], b: '3' },
    ],
    ['express.text', express.text({ verify: keeping }), content('text/plain', 'grüße'), 'grüße'],
    ['express.json for another media type', express.json(), form, { a: ['1', '2'], b: '3' }],
    ['express.json without a body', express.json(), { method: 'POST' }, undefined],
    [
      'Express 4 without a body',
      (req, _res, next) => {
        Object.assign(req, { body: {} })
        next()
      },
      { method: 'POST' },
      {},
    ],
    [
      'Express 4',
      (req, _res, next) => {
        Object.assign(req, { body: {} })
        next()
      },
      json({ a: 1 }),
      { a: 1 },
    ],
  ])('%s may keep the raw bytes', async (_name, before, init, value) => {
    expect(await bodyOf(init, { before })).toEqual(value)
  })

  it('express.raw may keep the raw bytes', async () => {
    const before = express.raw({ verify: keeping })
    expect(await send(content('application/octet-stream', 'abc'), { before })).toMatchObject({
      status: 200,
      bytes: 'abc',
    })
  })

  it('a body that was set to null is a different body', async () => {
    const before: RequestHandler = (req, _res, next) => {
      req.body = null
      next()
    }
    expect(await send(json({ a: 1 }), { before })).toMatchObject(refused(500, 'server_error', 'a different body'))
  })

  it.each<[string, RequestHandler]>([
    ['express.json', express.json()],
    ['express.raw', express.raw({ type: '*/*' })],
    ['express.text', express.text({ type: '*/*' })],
    [
      'a parser that keeps text',
      express.json({ verify: (req, _res, bytes) => void Object.assign(req, { rawBody: bytes.toString() }) }),
    ],
    ['a parser that discards the body', (req, _res, next) => void req.resume().on('end', () => next())],
  ])('%s without the raw bytes causes a 500 that says what to change', async (_name, before) => {
    const answer = await send(json({ a: 1 }), { before })
    expect(answer).toMatchObject(refused(500, 'server_error', 'Verify first, before any body parser'))
    expect(answer.error_description).toContain('express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } })')
  })

  it('the limit and the digest apply to the kept bytes', async () => {
    const before = express.json({ verify: keeping })
    expect(await send(json({ a: 'a'.repeat(100) }), { before, maxBody: 100 })).toMatchObject(
      refused(413, 'invalid_request', 'larger than 100 bytes'),
    )
    const whole = json({ a: 'a'.repeat(92) })
    expect(whole.body).toHaveLength(100)
    expect(await send(whole, { before, maxBody: 100 })).toMatchObject({ status: 200 })
    const other = express.json({ verify: (req) => void Object.assign(req, { rawBody: Buffer.from('{"a":2}') }) })
    expect(await send(json({ a: 1 }), { before: other })).toMatchObject(refused(401, 'invalid_signature', 'digest'))
  })

  it('a body that they decompressed cannot be verified', async () => {
    const body = gzipSync('{"a":1}')
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect(await send({ method: 'POST', body, headers }, { before: express.json({ verify: keeping }) })).toMatchObject(
      refused(415, 'invalid_request', 'send the body without Content-Encoding'),
    )
  })

  it.each<[string, RequestInit, unknown]>([
    ['another value', json({ to: 'alice' }), { to: 'mallory' }],
    ['an additional value', json({ to: 'alice' }), { to: 'alice', admin: true }],
    ['a string', json({ to: 'alice' }), '{"to":"mallory"}'],
    ['other bytes', json({ to: 'alice' }), Buffer.from('{"to":"mallory"}')],
    ['null', json({ to: 'alice' }), null],
    ['a body although none was sent', { method: 'POST' }, { to: 'mallory' }],
    ['a body for another media type', content('application/octet-stream', 'abc'), { to: 'mallory' }],
  ])('a body that differs from the signed one causes a 500: %s', async (_claim, init, made) => {
    const before: RequestHandler = (req, res, next) =>
      express.raw({ type: '*/*', verify: keeping })(req, res, () => {
        Object.assign(req, { body: made })
        next()
      })
    expect(await send(init, { before })).toMatchObject(refused(500, 'server_error', 'a different body'))
  })

  it('so does a form that was parsed into nested objects', async () => {
    const before = express.urlencoded({ verify: keeping, extended: true })
    const nested = content('application/x-www-form-urlencoded', 'a[b]=1')
    expect(await send(nested, { before })).toMatchObject(refused(500, 'server_error', 'a different body'))
  })

  it('the resource token endpoint accepts the kept bytes, and reports it if there are none', async () => {
    const token = async (before: RequestHandler) => {
      const app = express()
      app.use(before, forExpress.aauthDocuments(openResource()))
      const request = await signed(
        '/resource/token',
        { method: 'POST', body: new URLSearchParams({ scope: 'events.read' }) },
        byAgent,
      )
      const headers: [string, string][] = [['host', 'api.example'], ...request.headers]
      const answer = await exchange(await listen(app), {
        method: 'POST',
        target: '/resource/token',
        headers,
        body: await request.text(),
      })
      return [answer.status, Object.keys(JSON.parse(answer.body) as object)[0]]
    }
    expect(await token(express.urlencoded({ verify: keeping }))).toEqual([200, 'resource_token'])
    expect(await token(express.urlencoded())).toEqual([500, 'error'])
  })
})

function dates(this: unknown, _name: string, value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-/.test(value) ? new Date(value) : value
}
