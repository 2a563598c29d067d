import type { ServerResponse } from 'node:http'
import { createGuardedFetch, type FetchDocument, fetchBytes } from 'countersign/node'
import { describe, expect, it } from 'vitest'
import { startServer } from './loopback-server.js'

const guarded = createGuardedFetch({ allowInsecureLoopback: true })
const global: FetchDocument = (url, init) => fetch(url, init)

/** A stranger's server that starts as specified, then sends data endlessly, and records when its connection closes. */
async function startEndless(begin: (response: ServerResponse) => void) {
  let isClosed = false
  const server = await startServer((_request, response) => {
    response.on('close', () => {
      isClosed = true
    })
    begin(response)
    const timer = setInterval(() => response.write(' '.repeat(64)), 5)
    response.on('close', () => clearInterval(timer))
  })
  return { url: `${server.origin}/document`, isClosed: () => isClosed }
}

describe.each([
  ['the guarded fetch', guarded],
  ['the platform’s fetch', global],
])('with %s, a stranger’s server cannot keep the connection open', (_name, fetch) => {
  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['after a redirect', (response) => response.writeHead(302, { location: '/other' }), /redirects/],
    ['after 404', (response) => response.writeHead(404), /returned 404/],
    ['after 503', (response) => response.writeHead(503), /returned 503/],
    ['after 206', (response) => response.writeHead(206), /returned 206/],
    [
      'after a content encoding',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }),
      /compressed \(gzip\)/,
    ],
    ['after too many bytes', (response) => response.writeHead(200), /larger than 1000 bytes/],
  ])('%s', async (_case, begin, refusal) => {
    const server = await startEndless(begin)
    const fetched = await fetchBytes(server.url, { fetch, maxBytes: 1000, timeout: 60_000 })
    expect(fetched).toMatchObject({ refusal: expect.stringMatching(refusal) })
    await expect.poll(server.isClosed).toBe(true)
  })

  it('after the timeout', async () => {
    const server = await startEndless((response) => response.writeHead(200))
    const begun = performance.now()
    const fetched = await fetchBytes(server.url, { fetch, maxBytes: 1e9, timeout: 300 })
    expect(performance.now() - begun).toBeGreaterThan(295)
    expect(fetched).toMatchObject({
      unreachable: true,
      refusal: expect.stringContaining('could not be fetched'),
      cause: { name: 'TimeoutError', message: 'no response within 300 ms' },
    })
    await expect.poll(server.isClosed).toBe(true)
  })
})

describe('a fetched response', () => {
  const fetchOf =
    (response: () => Response): FetchDocument =>
    async () =>
      response()
  const options = { maxBytes: 10, timeout: 60_000 }
  const refusalOf = async (fetch: FetchDocument) => {
    const fetched = await fetchBytes('https://agent.example/x', { ...options, fetch })
    return 'refusal' in fetched ? { refusal: fetched.refusal, unreachable: fetched.unreachable } : 'taken'
  }

  it.each([
    [9, 'taken'],
    [10, 'taken'],
    [11, { refusal: 'https://agent.example/x is larger than 10 bytes', unreachable: false }],
  ])('of %i bytes, with a limit of 10', async (length, outcome) => {
    expect(await refusalOf(fetchOf(() => new Response('a'.repeat(length))))).toEqual(outcome)
  })

  it.each<[number, string | { unreachable: boolean }]>([
    [200, 'taken'],
    [201, { unreachable: false }],
    [299, { unreachable: false }],
    [300, { unreachable: false }],
    [399, { unreachable: false }],
    [400, { unreachable: false }],
    [499, { unreachable: false }],
    [500, { unreachable: true }],
    [599, { unreachable: true }],
  ])('with status %i: only a server error counts as unreachable', async (status, outcome) => {
    const refused = await refusalOf(fetchOf(() => new Response('a', { status })))
    if (typeof outcome === 'string') expect(refused).toBe(outcome)
    else expect(refused).toMatchObject(outcome)
    if (status >= 300 && status < 400) expect(refused).toMatchObject({ refusal: expect.stringContaining('redirects') })
    else if (status > 200) expect(refused).toMatchObject({ refusal: expect.stringContaining(`returned ${status}`) })
  })

  it('from a platform fetch that hides the target of a redirect', async () => {
    const hidden = Object.defineProperty(new Response('a'), 'type', { value: 'opaqueredirect' })
    expect(await refusalOf(fetchOf(() => hidden))).toMatchObject({ refusal: expect.stringContaining('redirects') })
  })

  it.each([
    ['identity', 'taken'],
    ['Identity', 'taken'],
    ['br', { refusal: 'https://agent.example/x is compressed (br)', unreachable: false }],
  ])('with content-encoding %s', async (encoding, outcome) => {
    const response = () => new Response('a', { headers: { 'content-encoding': encoding } })
    expect(await refusalOf(fetchOf(response))).toEqual(outcome)
  })

  it('without a body', async () => {
    expect(await refusalOf(fetchOf(() => new Response(null)))).toEqual({
      refusal: 'https://agent.example/x is empty',
      unreachable: false,
    })
  })

  const monday = 'Mon, 19 Jan 2026 12:00:00 GMT'
  it.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'cache-control': 'max-age=0' }, 0],
    [{ 'cache-control': 'max-age=1' }, 1],
    [{ 'cache-control': 'public,max-age=90' }, 90],
    [{ 'cache-control': 'x-max-age=90' }, undefined],
    [{ 'cache-control': 'max-age=9999999999' }, 9_999_999_999],
    [{ 'cache-control': 'max-age=90, no-store' }, 0],
    [{ 'cache-control': 'no-storey' }, undefined],
    [{ 'cache-control': 'max-age=90', age: '89' }, 1],
    [{ 'cache-control': 'max-age=90', age: '90' }, 0],
    [{ 'cache-control': 'max-age=90', age: '91' }, 0],
    [{ 'cache-control': 'max-age=90', age: '1.5' }, 90],
    [{ age: '10' }, undefined],
    [{ expires: '0' }, 0],
    [{ expires: '0', date: monday }, 0],
    [{ expires: monday }, 0],
    [{ expires: monday, date: 'yesterday' }, 0],
    [{ expires: monday, date: monday }, 0],
    [{ expires: 'Mon, 19 Jan 2026 12:00:01 GMT', date: monday }, 1],
    [{ expires: 'Mon, 19 Jan 2026 11:59:59 GMT', date: monday }, 0],
    [{ expires: 'Mon, 19 Jan 2026 12:00:30 GMT', date: monday, age: '10' }, 20],
  ])('with %j is fresh for %s seconds', async (headers, seconds) => {
    const fetched = await fetchBytes('https://a.example/', {
      ...options,
      fetch: fetchOf(() => new Response('a', { headers })),
    })
    expect('bytes' in fetched && fetched.maxAge).toBe(seconds)
  })

  it('is requested once, without following redirects, and leaves no timer', async () => {
    const asked: unknown[] = []
    const fetch: FetchDocument = async (url, init) => {
      asked.push([url, init?.redirect, init?.headers, init?.signal?.aborted])
      return new Response('a', { headers: { 'cache-control': 'max-age=90' } })
    }
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const fetched = await fetchBytes('https://agent.example/x', { maxBytes: 10, timeout: 60_000, fetch })
    expect(fetched).toEqual({ bytes: new TextEncoder().encode('a'), maxAge: 90 })
    expect(asked).toEqual([['https://agent.example/x', 'manual', { accept: 'application/json' }, false]])
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBe(before)
  })
})
