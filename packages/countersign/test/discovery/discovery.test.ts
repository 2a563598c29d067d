import { gzipSync } from 'node:zlib'
import { createSigner, type FetchDocument, generatePrivateJwk } from 'countersign'
import { createDiscovery, type Discovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { draft11Documents } from 'countersign/editions/draft-11'
import { importVerificationKey, type KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'
import { refusal, refusalCode } from '../refusal.js'
import {
  type AgentServerOptions,
  answerJson,
  startAgentServer,
  startServer,
  startTcpServer,
} from './loopback-server.js'

const agent = 'https://agent.example'
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const otherSigner = await createSigner(await generatePrivateJwk({ kid: 'key-2' }))
const quick = { failureTime: 'shortest' } as const
const loopback = { ...quick, allowInsecureLoopback: true }

/** One turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A clock controlled by the test. */
function movableClock(): { now: () => number; pass: (seconds: number) => void } {
  let time = 1_768_786_017
  return { now: () => time, pass: (seconds) => (time += seconds) }
}

async function outcomeOf(discovery: Discovery, origin: string, kid = 'key-1'): Promise<string> {
  const outcome = await discovery.findKey(january.documents.agent, origin, kid)
  return 'found' in outcome ? outcome.found.thumbprint : outcome.failure.reason
}

const findAt = (server: { origin: string }, kid = 'key-1') => outcomeOf(createDiscovery(loopback), server.origin, kid)

describe('finds', () => {
  it('a key through the two documents, and caches both', async () => {
    const server = await startAgentServer({ keys: () => [signer.jwk] })
    const discovery = createDiscovery(loopback)
    expect(await outcomeOf(discovery, server.origin)).toBe(signer.thumbprint)
    expect(await outcomeOf(discovery, server.origin)).toBe(signer.thumbprint)
    expect(server.asked).toEqual(['/.well-known/aauth-agent', '/jwks.json'])
  })

  it('a key in a JWKS at a URL', async () => {
    const server = await startAgentServer({ keys: () => [signer.jwk] })
    const outcome = await createDiscovery(loopback).findKeyAt(`${server.origin}/jwks.json`, 'key-1')
    expect(outcome).toMatchObject({ found: { thumbprint: signer.thumbprint } })
    expect(server.asked).toEqual(['/jwks.json'])
  })

  it('a document without jwks_uri, if its type does not require one, but no key', async () => {
    const id = 'https://api.example'
    const fetched: string[] = []
    const fetch: FetchDocument = async (url) => {
      fetched.push(url)
      return Response.json({ issuer: id, name: 'API' })
    }
    const { resource } = draft11Documents
    const discovery = createDiscovery({ ...quick, fetch })
    expect(await discovery.findMetadata(resource, id)).toEqual({ found: { issuer: id, name: 'API' } })
    expect(await discovery.findKey(resource, id, 'key-1')).toEqual({
      failure: { reason: 'refused', message: 'it has no jwks_uri' },
    })
    const key = await importVerificationKey(signer.jwk)
    expect(await discovery.renewKey(resource, id, 'key-1', key)).toBeUndefined()
    expect([discovery.isStale(resource, id), discovery.peekKey(resource, id, 'key-1')]).toEqual([false, undefined])
    expect(fetched).toEqual([`${id}/.well-known/aauth-resource.json`])
  })

  it('documents of up to 16 KiB and 64 KiB, sent in pieces, and 100 keys', async () => {
    const keys = [
      ...Array.from({ length: 99 }, (_, i) => ({ kty: 'new', kid: `k${i}`, pad: 'a'.repeat(580) })),
      signer.jwk,
    ]
    expect(JSON.stringify({ keys }).length).toBeGreaterThan(60_000)
    const server = await startAgentServer({
      keys: () => keys,
      metadata: (_request, response, origin) => {
        const text = JSON.stringify({ agent: origin, jwks_uri: `${origin}/jwks.json`, pad: 'a'.repeat(16_200) })
        response.write(text.slice(0, 5000))
        setTimeout(() => response.end(text.slice(5000)), 20)
      },
    })
    expect(await findAt(server)).toBe(signer.thumbprint)
  })
})

describe('hostile documents and servers', () => {
  const moved =
    (status: number, to: (origin: string) => string): AgentServerOptions['metadata'] =>
    (_request, response, origin) =>
      void response.writeHead(status, { location: to(origin) }).end()

  it.each([301, 302, 303, 307, 308, 300, 304])('K11: a %i is not followed', async (status) => {
    const canary = await startAgentServer({ keys: () => [signer.jwk] })
    const elsewhere = await startAgentServer({
      metadata: moved(status, () => `${canary.origin}/.well-known/aauth-agent`),
    })
    const sameHost = await startAgentServer({
      metadata: moved(status, (origin) => `${origin}/jwks.json`),
      keys: () => [signer.jwk],
    })
    const ofKeys = await startAgentServer({
      jwks: (_request, response) => void response.writeHead(status, { location: `${canary.origin}/jwks.json` }).end(),
    })
    for (const server of [elsewhere, sameHost, ofKeys]) expect(await findAt(server)).toBe('refused')
    expect(canary.asked).toEqual([])
    expect(sameHost.asked).toEqual(['/.well-known/aauth-agent'])
  })

  const answers = (
    text: string | Uint8Array,
    headers: Record<string, string> = {},
    status = 200,
  ): AgentServerOptions['jwks'] => {
    return (_request, response) => void response.writeHead(status, headers).end(text)
  }
  const keys = JSON.stringify({ keys: [signer.jwk] })
  const bigKeys = JSON.stringify({ keys: [signer.jwk], pad: 'a'.repeat(65_536) })
  const manyKeys = (count: number) =>
    JSON.stringify({ keys: Array.from({ length: count }, (_, i) => ({ ...signer.jwk, kid: `key-${i}` })) })

  it.each<[string, AgentServerOptions['jwks'], string]>([
    ['K13: a JWKS of more than 64 KiB', answers(bigKeys), 'refused'],
    [
      'K13: a JWKS of more than 64 KiB without Content-Length',
      answers(bigKeys, { 'transfer-encoding': 'chunked' }),
      'refused',
    ],
    ['K16: 101 keys', answers(manyKeys(101)), 'refused'],
    ['K16: 500 keys', answers(manyKeys(500)), 'refused'],
    ['K13: gzip', answers(gzipSync(keys), { 'content-encoding': 'gzip' }), 'refused'],
    ['K13: a gzip bomb', answers(gzipSync(Buffer.alloc(50_000_000)), { 'content-encoding': 'gzip' }), 'refused'],
    ['an invalid content encoding', answers(keys, { 'content-encoding': 'br' }), 'refused'],
    ['K13: a Content-Length larger than the body', shortened(keys), 'unreachable'],
    ['K15: HTML', answers('<!doctype html><title>a</title>', { 'content-type': 'text/html' }), 'refused'],
    ['K15: an array', answers(JSON.stringify([signer.jwk])), 'refused'],
    ['K15: null', answers('null'), 'refused'],
    ['K15: a string', answers('"keys"'), 'refused'],
    ['K15: deep nesting', answers('['.repeat(30_000) + ']'.repeat(30_000)), 'refused'],
    ['K15: deep nesting of keys', answers(`{"keys":${'['.repeat(30_000)}${']'.repeat(30_000)}}`), 'unknown_kid'],
    ['K15: keys under __proto__', answers(`{"__proto__":${keys}}`), 'refused'],
    ['K15: keys that are an object', answers(JSON.stringify({ keys: { 0: signer.jwk } })), 'refused'],
    ['invalid keys', answers('{"keys":[null,1,"a",[],{},{"kid":1},{"kid":null}]}'), 'unknown_kid'],
    ['no content', answers(''), 'refused'],
    ['invalid UTF-8', answers(Buffer.from([0x22, 0xff, 0x22])), 'refused'],
    ['two documents', answers(keys + keys), 'refused'],
    ['201', answers(keys, {}, 201), 'refused'],
    ['204', answers('', {}, 204), 'refused'],
    ['206', answers(keys, {}, 206), 'refused'],
    ['404', answers(keys, {}, 404), 'refused'],
    ['410', answers(keys, {}, 410), 'refused'],
    ['500', answers(keys, {}, 500), 'unreachable'],
    ['503', answers(keys, {}, 503), 'unreachable'],
  ])('%s', async (_name, jwks, reason) => {
    const server = await startAgentServer({ jwks })
    expect(await findAt(server)).toBe(reason)
    expect({}).not.toHaveProperty('keys')
  })

  it.each([
    ['an HTTP status outside the range of Response', 'HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}'],
    ['a status of zero', 'HTTP/1.1 000 Odd\r\ncontent-length: 2\r\n\r\n{}'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['a server that does not speak HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['an endless header', `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(40_000)}`],
    ['a control character in a header', 'HTTP/1.1 200 OK\r\nx-a: a\u0001b\r\ncontent-length: 2\r\n\r\n{}'],
    ['a connection that is closed immediately', ''],
  ])('%s does not crash the process', async (_name, answer) => {
    const server = await startTcpServer((socket) => socket.end(answer))
    const outcome = await createDiscovery(loopback).findMetadata(january.documents.agent, server.origin)
    expect(outcome).toHaveProperty('failure')
  })

  it('K13: metadata of more than 16 KiB', async () => {
    const server = await startAgentServer({
      keys: () => [signer.jwk],
      metadata: (_request, response, origin) =>
        answerJson(response, { agent: origin, jwks_uri: `${origin}/jwks.json`, pad: 'a'.repeat(16_384) }),
    })
    expect(await findAt(server)).toBe('refused')
    expect(server.asked).not.toContain('/jwks.json')
  })

  it('K13: an endless stream is cut off, and the connection closed', async () => {
    let sent = 0
    const closed = new Promise<void>((resolve) => {
      void startServer((_request, response) => {
        const chunk = Buffer.alloc(16_384, 0x20)
        const write = () => {
          while (!response.destroyed && response.write(chunk)) sent += chunk.length
        }
        response.on('drain', write)
        response.on('close', resolve)
        write()
      }).then(async (server) => {
        const outcome = await createDiscovery(loopback).findKeyAt(`${server.origin}/jwks.json`, 'key-1')
        expect(outcome).toMatchObject({ failure: { reason: 'refused' } })
      })
    })
    await closed
    expect(sent).toBeLessThan(8 * 1024 * 1024)
  })

  it('K14: slow and silent servers time out after 2.5 s in total, and delay no one else', async () => {
    const good = await startAgentServer({ keys: () => [signer.jwk] })
    const dripping = await startServer((_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(timer))
    })
    const drippingHeaders = await startTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('x'), 100)
      socket.on('close', () => clearInterval(timer))
    })
    const silent = await startServer(() => undefined)
    const deaf = await startTcpServer((socket) => socket.pause())
    const discovery = createDiscovery(loopback)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    let passed = 0
    const slow = [dripping, drippingHeaders, silent, deaf].map(async ({ origin }) => {
      const reason = await outcomeOf(discovery, origin)
      return { reason, milliseconds: passed }
    })
    expect(await outcomeOf(discovery, good.origin)).toBe(signer.thumbprint)
    while (vi.getTimerCount() < slow.length) await turn()
    for (; vi.getTimerCount() > 0; passed += 100) {
      await vi.advanceTimersByTimeAsync(100)
      await turn()
    }
    for (const { reason, milliseconds } of await Promise.all(slow)) {
      expect(reason).toBe('unreachable')
      expect(milliseconds).toBeGreaterThan(2300)
      expect(milliseconds).toBeLessThan(3300)
    }
  })

  it('K06: a document that names another agent', async () => {
    const victim = await startAgentServer({ keys: () => [signer.jwk] })
    const server = await startAgentServer({
      metadata: (_request, response) =>
        answerJson(response, { agent: victim.origin, jwks_uri: `${victim.origin}/jwks.json` }),
    })
    expect(await findAt(server)).toBe('refused')
    expect(victim.asked).toEqual([])
  })

  it.each([
    'file:///etc/passwd',
    'data:application/json,{}',
    'ftp://agent.example/a',
    'gopher://agent.example/a',
    'https://10.0.0.1/a',
    'https://intranet/a',
    '/jwks.json',
  ])('K12: jwks_uri %s is not fetched', async (jwksUri) => {
    const { fetch, asked } = documentFetch({ [`${agent}/.well-known/aauth-agent`]: { agent, jwks_uri: jwksUri } })
    expect(await outcomeOf(createDiscovery({ ...quick, fetch }), agent)).toBe('refused')
    expect(asked).toHaveLength(1)
  })

  it('a JWKS URL that is the metadata document itself, in either order', async () => {
    const metadata = `${agent}/.well-known/aauth-agent`
    const { fetch } = documentFetch({ [metadata]: { agent, jwks_uri: metadata, keys: [signer.jwk] } })
    const discovery = createDiscovery({ ...quick, fetch })
    expect(await discovery.findMetadata(january.documents.agent, agent)).toHaveProperty('found')
    expect(await discovery.findKeyAt(metadata, 'key-1')).toHaveProperty('found.thumbprint', signer.thumbprint)
    expect(await discovery.findKeyAt(metadata, 'constructor')).toMatchObject({ failure: { reason: 'unknown_kid' } })
    expect(await discovery.findMetadata(january.documents.agent, agent)).toEqual({
      found: { agent, jwks_uri: metadata },
    })
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
  })

  it('K18, K16: private, symmetric and unknown keys next to a good key are rejected or ignored', async () => {
    const server = await startAgentServer({
      keys: () => [
        { ...otherSigner.jwk, kid: 'private', d: 'AAAA' },
        { kty: 'oct', kid: 'symmetric', k: 'AAAA' },
        { kty: 'AKP', kid: 'unknown', alg: 'ML-DSA-44', pub: 'AAAA' },
        { ...otherSigner.jwk, kid: 'encryption', use: 'enc' },
        { ...otherSigner.jwk, kid: 'other-alg', alg: 'ES256' },
        { kid: '__proto__' },
        signer.jwk,
      ],
    })
    const discovery = createDiscovery(loopback)
    for (const kid of ['private', 'symmetric', 'unknown', 'encryption', 'other-alg', '__proto__']) {
      expect(await outcomeOf(discovery, server.origin, kid), kid).toBe('refused')
    }
    expect(await outcomeOf(discovery, server.origin)).toBe(signer.thumbprint)
  })

  it('uses neither of two keys with one kid until the set was fixed and fetched again', async () => {
    const { now, pass } = movableClock()
    const documents = agentDocuments(agent, [signer.jwk, { ...otherSigner.jwk, kid: 'key-1' }])
    const { fetch, asked } = documentFetch(documents)
    const discovery = createDiscovery({ ...quick, fetch, now })
    for (let i = 0; i < 3; i++) expect(await outcomeOf(discovery, agent)).toBe('unusable')
    documents[`${agent}/jwks.json`] = { keys: [signer.jwk] }
    expect(await outcomeOf(discovery, agent)).toBe('unusable')
    expect(asked).toHaveLength(2)
    pass(60)
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    expect(asked).toHaveLength(3)
  })

  it.each([
    'https://agent.example/',
    'https://Agent.example',
    'http://agent.example',
    'https://127.0.0.1',
    'https://agent.example:443',
    'http://127.0.0.1:8001',
  ])('K03, K04, K09: fetches nothing for the identifier %s', async (identifier) => {
    const { fetch, asked } = documentFetch(agentDocuments(identifier, [signer.jwk]))
    expect(await outcomeOf(createDiscovery({ ...quick, fetch }), identifier)).toBe('refused')
    expect(await createDiscovery({ ...quick, fetch }).findKeyAt(`${identifier}\\jwks.json`, 'key-1')).toHaveProperty(
      'failure',
    )
    expect(asked).toEqual([])
  })
})

describe('caches and budgets', () => {
  const counts = (asked: readonly string[]) => ({
    metadata: asked.filter((url) => url.endsWith('aauth-agent')).length,
    jwks: asked.filter((url) => url.endsWith('jwks.json')).length,
  })

  it('K24: 200 parallel first requests cause one fetch of each document', async () => {
    const server = await startAgentServer({ keys: () => [signer.jwk] })
    const discovery = createDiscovery(loopback)
    const found = await Promise.all(Array.from({ length: 200 }, () => outcomeOf(discovery, server.origin)))
    expect(new Set(found)).toEqual(new Set([signer.thumbprint]))
    expect(counts(server.asked)).toEqual({ metadata: 1, jwks: 1 })
  })

  it('K20: 1,000 requests with a random kid cause one fetch of the JWKS per minute', async () => {
    const { fetch, asked } = documentFetch(agentDocuments(agent, [signer.jwk]))
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    for (let i = 0; i < 500; i++) expect(await outcomeOf(discovery, agent, `random-${i}`)).toBe('unknown_kid')
    await Promise.all(Array.from({ length: 500 }, (_, i) => outcomeOf(discovery, agent, `parallel-${i}`)))
    expect(counts(asked)).toEqual({ metadata: 1, jwks: 1 })
    clock.pass(60)
    for (let i = 0; i < 500; i++) await outcomeOf(discovery, agent, `later-${i}`)
    await Promise.all(Array.from({ length: 500 }, (_, i) => outcomeOf(discovery, agent, `parallel-${i}`)))
    expect(counts(asked)).toEqual({ metadata: 1, jwks: 2 })
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
  })

  it('K21: a rotated key is found after one refetch, by all concurrent requests', async () => {
    const documents = agentDocuments(agent, [signer.jwk])
    const { fetch, asked } = documentFetch(documents)
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    clock.pass(61)
    documents[`${agent}/jwks.json`] = { keys: [otherSigner.jwk] }
    const found = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(discovery, agent, 'key-2')))
    expect(new Set(found)).toEqual(new Set([otherSigner.thumbprint]))
    expect(counts(asked)).toEqual({ metadata: 1, jwks: 2 })
  })

  it('K22: a removed key is rejected after max-age', async () => {
    const documents = agentDocuments(agent, [signer.jwk])
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch: documentFetch(documents).fetch, now: clock.now })
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    documents[`${agent}/jwks.json`] = { keys: [otherSigner.jwk] }
    clock.pass(299)
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    clock.pass(1)
    expect(await outcomeOf(discovery, agent)).toBe('unknown_kid')
  })

  it.each([
    [90, 200],
    [200, 90],
  ])('K22: a key is known for as long as its metadata (%i s) and its JWKS (%i s) are fresh', async (metadata, jwks) => {
    const documents = agentDocuments(agent, [signer.jwk])
    const fetch: FetchDocument = async (url) => {
      const age = url.endsWith('jwks.json') ? jwks : metadata
      return Response.json(documents[url], { headers: { 'cache-control': `max-age=${age}` } })
    }
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    // The first result is not remembered, because it came with changed documents.
    for (let times = 0; times < 2; times++) await outcomeOf(discovery, agent)
    expect(discovery.freshUntil(january.documents.agent, agent, 'key-1')).toBe(clock.now() + 90)
    clock.pass(89)
    expect(discovery.peekKey(january.documents.agent, agent, 'key-1')).toBeDefined()
    clock.pass(1)
    expect(discovery.peekKey(january.documents.agent, agent, 'key-1')).toBeUndefined()
  })

  it.each([
    ['max-age=999999999', 600],
    ['max-age=601', 600],
    ['max-age=599', 599],
    ['max-age=61', 61],
    ['max-age=0', 60],
    ['no-store', 60],
    ['no-cache, max-age=3600', 60],
    ['public, max-age=600', 600],
    ['MAX-AGE=600', 600],
    ['max-age="600"', 600],
    ['s-maxage=600', 300],
    ['max-age=-1', 300],
    ['max-age=x', 300],
    ['max-age=600, max-age=60', 600],
    ['no-cache="set-cookie"', 60],
    [undefined, 300],
  ])('K27: Cache-Control %s keeps a document fresh for %i s', async (header, age) => {
    const documents = agentDocuments(agent, [signer.jwk])
    let fetches = 0
    const fetch: FetchDocument = async (url) => {
      if (url.endsWith('jwks.json')) fetches++
      return Response.json(documents[url], header === undefined ? {} : { headers: { 'cache-control': header } })
    }
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    await outcomeOf(discovery, agent)
    clock.pass(age - 1)
    await outcomeOf(discovery, agent)
    expect(fetches).toBe(1)
    clock.pass(1)
    await outcomeOf(discovery, agent)
    expect(fetches).toBe(2)
  })

  it('K27: a removed key is refused within its freshness even if the clock is set back by a day', async () => {
    const documents = agentDocuments(agent, [signer.jwk])
    const fetch: FetchDocument = async (url) => Response.json(documents[url])
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    Object.assign(documents, agentDocuments(agent, []))
    clock.pass(-86_400)
    clock.pass(300)
    expect(await outcomeOf(discovery, agent)).toBe('unknown_kid')
    expect(discovery.peekKey(january.documents.agent, agent, 'key-1')).toBeUndefined()
  })

  const monday = 'Mon, 19 Jan 2026 12:00:00 GMT'
  it.each<[string, Record<string, string>, number]>([
    ['the time spent in intermediate caches', { 'cache-control': 'max-age=600', age: '500' }, 100],
    ['an Age larger than max-age', { 'cache-control': 'max-age=600', age: '6000' }, 60],
    ['an invalid Age', { 'cache-control': 'max-age=600', age: '-500' }, 600],
    ['Expires', { date: monday, expires: 'Mon, 19 Jan 2026 12:10:00 GMT' }, 600],
    ['Expires with an Age', { date: monday, expires: 'Mon, 19 Jan 2026 12:10:00 GMT', age: '400' }, 200],
    ['Expires in the past', { date: monday, expires: 'Mon, 19 Jan 2026 11:00:00 GMT' }, 60],
    ['Expires a hundred years ahead', { date: monday, expires: 'Fri, 19 Jan 2126 12:00:00 GMT' }, 600],
    ['Expires: 0', { date: monday, expires: '0' }, 60],
    ['Expires without a Date', { expires: 'Mon, 19 Jan 2026 12:10:00 GMT' }, 60],
    ['that max-age overrides Expires', { 'cache-control': 'max-age=90', date: monday, expires: monday }, 90],
    ['that s-maxage applies only to shared caches', { 'cache-control': 's-maxage=86400, max-age=90' }, 90],
  ])('K27: the freshness of a document takes into account %s', async (_name, headers, age) => {
    const documents = agentDocuments(agent, [signer.jwk])
    let fetches = 0
    const fetch: FetchDocument = async (url) => {
      fetches++
      return Response.json(documents[url], { headers })
    }
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    await outcomeOf(discovery, agent)
    clock.pass(age - 1)
    await outcomeOf(discovery, agent)
    expect(fetches).toBe(2)
    clock.pass(1)
    await outcomeOf(discovery, agent)
    expect(fetches).toBe(4)
  })

  it('K23: with the origin down, cached keys are used for an hour beyond their freshness, and uncached keys are not found', async () => {
    const server = await startAgentServer({ keys: () => [signer.jwk] })
    const clock = movableClock()
    const discovery = createDiscovery({ ...loopback, now: clock.now })
    expect(await outcomeOf(discovery, server.origin)).toBe(signer.thumbprint)
    await server.close()
    for (const seconds of [300, 1800, 1799]) {
      clock.pass(seconds)
      expect(await outcomeOf(discovery, server.origin)).toBe(signer.thumbprint)
    }
    clock.pass(1)
    expect(await outcomeOf(discovery, server.origin)).toBe('unreachable')
    expect(await outcomeOf(createDiscovery(loopback), server.origin)).toBe('unreachable')
  })

  it.each([
    ['its document', '/.well-known/aauth-agent'],
    ['its keys', '/jwks.json'],
  ])('K23: keys are stale only while %s cannot be fetched again', async (_what, path) => {
    const documents = agentDocuments(agent, [signer.jwk])
    let down = false
    const fetch: FetchDocument = async (url) =>
      down && url.endsWith(path) ? new Response('', { status: 503 }) : Response.json(documents[url])
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    const isStale = () => discovery.isStale(january.documents.agent, agent)
    expect(isStale()).toBe(false)
    await outcomeOf(discovery, agent)
    down = true
    clock.pass(299)
    expect([await outcomeOf(discovery, agent), isStale()]).toEqual([signer.thumbprint, false])
    clock.pass(1)
    for (let times = 0; times < 2; times++)
      expect([await outcomeOf(discovery, agent), isStale()]).toEqual([signer.thumbprint, true])
    expect(discovery.peekKey(january.documents.agent, agent, 'key-1')).toBeUndefined()
    down = false
    clock.pass(60)
    for (let times = 0; times < 2; times++)
      expect([await outcomeOf(discovery, agent), isStale()]).toEqual([signer.thumbprint, false])
    expect(discovery.peekKey(january.documents.agent, agent, 'key-1')?.thumbprint).toBe(signer.thumbprint)
  })

  it('K23: an origin that is down is contacted once a minute, not on every request', async () => {
    const documents = agentDocuments(agent, [signer.jwk])
    let down = false
    let fetches = 0
    const fetch: FetchDocument = async (url) => {
      fetches++
      return down ? new Response('', { status: 503 }) : Response.json(documents[url])
    }
    const clock = movableClock()
    const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
    await outcomeOf(discovery, agent)
    down = true
    clock.pass(300)
    for (let i = 0; i < 50; i++) expect(await outcomeOf(discovery, agent)).toBe(signer.thumbprint)
    expect(fetches).toBe(4)
    clock.pass(60)
    documents[`${agent}/jwks.json`] = { keys: [{ ...otherSigner.jwk, kid: 'key-1' }] }
    down = false
    expect(await outcomeOf(discovery, agent)).toBe(otherSigner.thumbprint)
  })

  it('K23: keys are not used stale if the origin removed them or returned an invalid response', async () => {
    for (const answer of [
      () => new Response('', { status: 404 }),
      () => new Response('<html>'),
      () => Response.json({ keys: 1 }),
    ]) {
      const documents = agentDocuments(agent, [signer.jwk])
      let changed = false
      const fetch: FetchDocument = async (url) =>
        changed && url.endsWith('jwks.json') ? answer() : Response.json(documents[url])
      const clock = movableClock()
      const discovery = createDiscovery({ ...quick, fetch, now: clock.now })
      await outcomeOf(discovery, agent)
      changed = true
      clock.pass(120)
      expect(await outcomeOf(discovery, agent, 'key-2')).toBe('refused')
      clock.pass(180)
      expect(await outcomeOf(discovery, agent)).toBe('refused')
    }
  })

  it('K28: keys of our own identifier are not fetched', async () => {
    const own = 'https://auth.example'
    const { fetch, asked } = documentFetch({})
    const document = `${own}/.well-known/aauth-issuer`
    const local = new Map([[document, async () => [signer.jwk]]])
    const discovery = createDiscovery({ ...quick, fetch, local })
    expect(await discovery.findKey(january.documents.authServer, own, 'key-1')).toHaveProperty(
      'found.thumbprint',
      signer.thumbprint,
    )
    expect(await discovery.findKey(january.documents.authServer, own, 'key-2')).toMatchObject({
      failure: { reason: 'unknown_kid' },
    })
    const malformed = createDiscovery({ ...quick, fetch, local: new Map([[document, async () => ({}) as never]]) })
    expect(await malformed.findKey(january.documents.authServer, own, 'key-1')).toMatchObject({
      failure: { reason: 'refused' },
    })
    expect(asked).toEqual([])
  })
})

const auth = 'https://auth.example'

function resolverOver(discovery: Discovery, now: () => number, role: 'authServer' | 'resource' = 'resource') {
  const keys = january.createKeyResolver({
    discovery,
    now,
    audience: 'https://resource.example',
    authTokenIssuers: [auth],
    role,
  })
  return (reference: KeyReference) => keys.resolve(reference)
}

describe('january.createKeyResolver', () => {
  const now = () => 1_768_786_017
  const over = (documents: Record<string, object>, role?: 'authServer' | 'resource') => {
    const { fetch, asked } = documentFetch(documents)
    return { resolveKey: resolverOver(createDiscovery({ ...quick, fetch, now }), now, role), asked }
  }

  it.each([
    '../x',
    'a/b',
    '%2e%2e/x',
    'x?y',
    'openid-configuration',
    'aauth-issuer',
    'AAUTH-AGENT',
    'aauth-agent/',
    '__proto__',
  ])('K07: well-known %s is not fetched', async (wellKnown) => {
    const { resolveKey, asked } = over(agentDocuments(agent, [signer.jwk]))
    expect(await refusalCode(() => resolveKey({ scheme: 'jwks', id: agent, kid: 'key-1', wellKnown }))).toBe(
      'key_unknown',
    )
    expect(asked).toEqual([])
  })

  it('W11: a missing well-known means the agent document, or the JWKS at the id itself', async () => {
    const reference: KeyReference = { scheme: 'jwks', id: agent, kid: 'key-1' }
    const agents = over(agentDocuments(agent, [signer.jwk]), 'authServer')
    expect(await agents.resolveKey(reference)).toMatchObject({ agent, key: { thumbprint: signer.thumbprint } })
    const direct = over({ [agent]: { keys: [signer.jwk] } })
    expect(await direct.resolveKey(reference)).toMatchObject({
      agent: undefined,
      key: { thumbprint: signer.thumbprint },
    })
    expect(direct.asked).toEqual([agent])
  })

  it('W11: mode 1 proves a key but no agent', async () => {
    const { resolveKey } = over(agentDocuments(agent, [signer.jwk]))
    const reference: KeyReference = { scheme: 'jwks', jwksUri: `${agent}/jwks.json`, kid: 'key-1' }
    expect(await resolveKey(reference)).toMatchObject({ agent: undefined, scheme: 'jwks' })
  })

  it.each<[string, KeyReference]>([
    ['an id with a trailing slash', { scheme: 'jwks', id: `${agent}/`, kid: 'key-1', wellKnown: 'aauth-agent' }],
    ['an id on http', { scheme: 'jwks', id: 'http://agent.example', kid: 'key-1', wellKnown: 'aauth-agent' }],
    ['a loopback id', { scheme: 'jwks', id: 'http://127.0.0.1:8001', kid: 'key-1', wellKnown: 'aauth-agent' }],
    ['a JWKS on http', { scheme: 'jwks', jwksUri: 'http://agent.example/jwks.json', kid: 'key-1' }],
    ['a JWKS at an address', { scheme: 'jwks', jwksUri: 'https://169.254.169.254/jwks.json', kid: 'key-1' }],
    ['x509 without roots', { scheme: 'x509', x5u: 'https://agent.example/cert.pem', x5t: 'AAAA' }],
  ])('fetches nothing for %s', async (_name, reference) => {
    const { resolveKey, asked } = over({})
    expect(await refusalCode(() => resolveKey(reference))).toBe('key_unknown')
    expect(asked).toEqual([])
  })

  it('returns one public text for every reason that a key is not found', async () => {
    const causes = [
      over({}),
      over(agentDocuments(agent, [])),
      over({ [`${agent}/.well-known/aauth-agent`]: { agent: auth, jwks_uri: `${agent}/jwks.json` } }),
      over(agentDocuments(agent, [{ ...signer.jwk, d: 'AAAA' }])),
    ]
    const reference: KeyReference = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' }
    const refusals = await Promise.all(causes.map(({ resolveKey }) => refusal(() => resolveKey(reference))))
    expect(new Set(refusals.map(({ code, description }) => `${code} ${description}`)).size).toBe(1)
    expect(new Set(refusals.map(({ message }) => message)).size).toBeGreaterThan(2)
  })

  it('R05: an auth server that cannot be reached yields 503, one that responds incorrectly 401', async () => {
    const claims = { iss: auth, aud: 'https://resource.example', agent, exp: now() + 60, cnf: { jwk: otherSigner.jwk } }
    const jwt = await issueToken(january.tokens.auth, claims, { signer, now })
    const down = createDiscovery({ ...quick, fetch: async () => new Response('', { status: 503 }), now })
    expect(await refusalCode(() => resolverOver(down, now)({ scheme: 'jwt', jwt }))).toBe('unavailable')
    expect(await refusalCode(() => over({}).resolveKey({ scheme: 'jwt', jwt }))).toBe('auth_token_invalid')
    const { resolveKey } = over(issuerDocuments(auth, [signer.jwk]))
    expect(await resolveKey({ scheme: 'jwt', jwt })).toMatchObject({
      agent,
      key: { thumbprint: otherSigner.thumbprint },
    })
  })

  it('R05: an auth server that cannot be reached after it has changed its key yields 503', async () => {
    const { fetch } = documentFetch(issuerDocuments(auth, [signer.jwk]))
    const clock = movableClock()
    let isDown = false
    const discovery = createDiscovery({
      ...quick,
      fetch: async (...asked) => (isDown ? new Response('', { status: 503 }) : fetch(...asked)),
      now: clock.now,
    })
    const tokenOf = async (tokenSigner: typeof signer) => {
      const { now } = clock
      const cnf = { jwk: otherSigner.jwk }
      const claims = { iss: auth, aud: 'https://resource.example', agent, exp: now() + 600, cnf }
      return issueToken(january.tokens.auth, claims, { signer: tokenSigner, now })
    }
    const resolveKey = resolverOver(discovery, clock.now)
    expect(await resolveKey({ scheme: 'jwt', jwt: await tokenOf(signer) })).toMatchObject({ agent })
    clock.pass(61)
    isDown = true
    const jwt = await tokenOf(otherSigner)
    expect(await refusalCode(() => resolveKey({ scheme: 'jwt', jwt }))).toBe('unavailable')
  })
})

function shortened(text: string): AgentServerOptions['jwks'] {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': String(text.length + 100) })
    response.write(text, () => response.socket?.end())
  }
}
