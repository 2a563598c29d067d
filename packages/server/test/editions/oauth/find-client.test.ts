import { createGuardedFetch } from 'countersign/node'
import { describe, expect, it } from 'vitest'
import { simulatePublicNetwork } from '../../../../countersign/test/discovery/public-network.js'
import { type ClientFinderOptions, createClientFinder } from '../../../src/editions/oauth/find-client.js'
import { codeOf, createWeb, published } from './published-documents.js'

const issuer = 'https://auth.example'
const url = 'https://client.example/oauth/client.json'
const document = {
  client_id: url,
  client_name: 'Example',
  redirect_uris: ['http://127.0.0.1/callback'],
  token_endpoint_auth_method: 'none',
}
const now = { mayFetch: true }
type FetchCaller = Parameters<ReturnType<typeof createClientFinder>['find']>[1]
const day = 86_400

function openStage(options: Partial<ClientFinderOptions> = {}, limits = {}) {
  const web = createWeb(limits)
  web.pages.set(url, () => published(document))
  const clients = createClientFinder({ ...web.options, issuer, ...options })
  return { ...web, clients }
}

describe('a client’s document', () => {
  it('is fetched once, without cookies or redirects, and cached', async () => {
    const { clients, requests } = openStage()
    expect(await clients.find(url, now)).toMatchObject({ id: url, name: 'Example', isStale: false })
    await clients.find(url, now)
    expect(requests).toEqual([
      {
        url,
        init: { signal: expect.any(AbortSignal), redirect: 'manual', headers: { accept: 'application/json' } },
      },
    ])
  })

  it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/client+json', 'application/x.y-1+json'])(
    'may have the content type %s',
    async (type) => {
      const { clients, pages } = openStage()
      pages.set(url, () => published(document, { 'content-type': type }))
      expect(await codeOf(clients.find(url, now))).toBe('found')
    },
  )

  it.each<[string, Record<string, string>, number]>([
    ['no header', {}, 300],
    ['no-store', { 'cache-control': 'no-store' }, 300],
    ['max-age=1', { 'cache-control': 'max-age=1' }, 300],
    ['max-age=4000', { 'cache-control': 'public, max-age=4000' }, 4000],
    ['max-age=4000 and Age', { 'cache-control': 'max-age=4000', age: '1000' }, 3000],
    ['a year', { 'cache-control': 'max-age=31536000' }, day],
  ])('with %s is cached by its headers within 5 minutes and 24 hours', async (_case, headers, age) => {
    const { clients, pages, requests, clock } = openStage()
    pages.set(url, () => published(document, headers))
    await clients.find(url, now)
    clock.now += age - 1
    await clients.find(url, now)
    expect(requests).toHaveLength(1)
    clock.now++
    await clients.find(url, now)
    expect(requests).toHaveLength(2)
  })

  it('expires when the clock is set back, and can be used while it cannot be fetched', async () => {
    const { clients, pages, requests, clock } = openStage()
    await clients.find(url, now)
    clock.now -= 365 * day
    pages.set(url, () => new Response('', { status: 503 }))
    for (let at = 0; at < 3; at++)
      expect(await clients.find(url, now)).toMatchObject({ name: 'Example', isStale: true })
    expect(requests).toHaveLength(2)
    clock.now += 60
    pages.set(url, () => published({ ...document, client_name: 'Renamed' }))
    expect(await clients.find(url, now)).toMatchObject({ name: 'Renamed', isStale: false })
    await clients.find(url, now)
    expect(requests).toHaveLength(3)
  })

  it('is fetched once for concurrent requests', async () => {
    const { clients, requests } = openStage()
    await Promise.all(Array.from({ length: 20 }, () => clients.find(url, now)))
    expect(requests).toHaveLength(1)
    const failing = openStage()
    failing.pages.clear()
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(failing.clients.find(url, now))))
    expect(new Set(codes)).toEqual(new Set(['client_unreachable']))
    expect(failing.requests).toHaveLength(1)
  })

  it('is not fetched before sign-in, but used if it is cached', async () => {
    const { clients, requests, clock } = openStage()
    const before = { mayFetch: false }
    expect(await codeOf(clients.find(url, before))).toBe('client_not_fetched')
    expect(requests).toEqual([])
    await clients.find(url, now)
    clock.now += 300
    expect(await clients.find(url, before)).toMatchObject({ name: 'Example', isStale: true })
    expect(requests).toHaveLength(1)
  })

  it('is not fetched for an id that is not its URL, or from this server', async () => {
    const { clients, requests } = openStage()
    for (const id of ['client-1', 'http://client.example/client.json', `${issuer}/client.json`, 'https://10.0.0.1/c'])
      expect(await codeOf(clients.find(id, now))).toBe('client_unknown')
    expect(requests).toEqual([])
  })

  it('throws what is not a network failure', async () => {
    const { clients, pages } = openStage()
    pages.set(url, () => {
      throw new RangeError('a bug')
    })
    await expect(clients.find(url, now)).rejects.toThrow('a bug')
    pages.set(url, () => published(document))
    expect(await codeOf(clients.find(url, now))).toBe('found')
  })

  it('is evicted when 2000 newer ones are cached', async () => {
    const { clients, pages, requests } = openStage({}, { fetchesPerMinute: 5000 })
    for (let index = 0; index < 2000; index++) {
      const other = `https://client-${index % 100}.example/${index}`
      pages.set(other, () => published({ ...document, client_id: other }))
    }
    await clients.find(url, now)
    for (const other of pages.keys()) await clients.find(other, now)
    expect(requests).toHaveLength(2001)
    await clients.find(url, now)
    expect(requests).toHaveLength(2002)
  })
})

const small = 'x'.repeat(16_384 - JSON.stringify({ ...document, x: '' }).length)

describe('a wrong document', () => {
  it.each<[string, string, () => Response]>([
    ['another client_id', 'client_invalid', () => published({ ...document, client_id: `${url}?other` })],
    ['a secret', 'client_invalid', () => published({ ...document, client_secret: 's' })],
    ['a list', 'client_invalid', () => published([document])],
    ['302', 'client_unreachable', () => published(document, { location: `${url}?other` }, 302)],
    ['201', 'client_unreachable', () => published(document, {}, 201)],
    ['204', 'client_unreachable', () => new Response(null, { status: 204 })],
    ['403', 'client_unreachable', () => published(document, {}, 403)],
    ['404', 'client_unreachable', () => published(document, {}, 404)],
    ['500', 'client_unreachable', () => published(document, {}, 500)],
    ['HTML', 'client_unreachable', () => published(document, { 'content-type': 'text/html' })],
    ['text', 'client_unreachable', () => published(document, { 'content-type': 'text/plain' })],
    ['JSON of another type', 'client_unreachable', () => published(document, { 'content-type': 'x-application/json' })],
    ['JSON in name only', 'client_unreachable', () => published(document, { 'content-type': 'application/jsonp' })],
    ['no content type', 'client_unreachable', () => published(document, { 'content-type': '' })],
    ['a compressed body', 'client_unreachable', () => published(document, { 'content-encoding': 'gzip' })],
    ['broken JSON', 'client_unreachable', () => published('{"client_id":')],
    [
      'invalid UTF-8',
      'client_unreachable',
      () => published(Buffer.from(JSON.stringify({ ...document, x: 'é' }), 'latin1')),
    ],
    ['a byte-order mark', 'client_unreachable', () => published(`\ufeff${JSON.stringify(document)}`)],
    ['16 kB and one byte', 'client_unreachable', () => published({ ...document, x: `${small}x` })],
    ['1 MB', 'client_unreachable', () => published({ ...document, x: 'x'.repeat(1_000_000) })],
  ])('with %s is refused and not cached', async (_case, code, publish) => {
    const { clients, pages, requests } = openStage()
    pages.set(url, publish)
    expect(await codeOf(clients.find(url, now))).toBe(code)
    expect(await codeOf(clients.find(url, { mayFetch: false }))).toBe('client_not_fetched')
    pages.set(url, () => published(document))
    expect(await codeOf(clients.find(url, now))).toBe('found')
    expect(requests).toHaveLength(2)
  })

  it('of exactly 16 kB is accepted', async () => {
    const { clients, pages } = openStage()
    pages.set(url, () => published({ ...document, x: small }))
    expect(await codeOf(clients.find(url, now))).toBe('found')
  })

  it('that is slow is abandoned after 5 seconds (B07)', async () => {
    const { clients, pages, requests, delays } = openStage()
    pages.set(url, () => new Promise<never>(() => undefined))
    const begun = performance.now()
    expect(await codeOf(clients.find(url, now))).toBe('client_unreachable')
    const elapsed = performance.now() - begun
    expect(elapsed).toBeGreaterThan(4900)
    expect(elapsed).toBeLessThan(6000)
    expect(requests[0]?.init?.signal?.aborted).toBe(true)
    expect(delays).toEqual([0])
  })
})

describe('a document that cannot be fetched again', () => {
  it.each<[string, (() => Response) | undefined]>([
    ['unreachable', undefined],
    ['403', () => published({}, {}, 403)],
    ['503', () => published({}, {}, 503)],
    ['a page of HTML', () => published('<p>', { 'content-type': 'text/html' })],
    ['a redirect', () => published({}, { location: '/' }, 302)],
  ])('is used for 7 days, marked as stale: %s', async (_case, publish) => {
    const { clients, pages, clock } = openStage()
    await clients.find(url, now)
    if (publish) pages.set(url, publish)
    else pages.delete(url)
    clock.now += 300
    expect(await clients.find(url, now)).toMatchObject({ name: 'Example', isStale: true })
    clock.now += 7 * day - 301
    expect(await clients.find(url, now)).toMatchObject({ name: 'Example', isStale: true })
    clock.now++
    expect(await codeOf(clients.find(url, now))).toBe('client_unreachable')
    expect(await codeOf(clients.find(url, { mayFetch: false }))).toBe('client_not_fetched')
  })

  it('is fetched again at most once a minute, and fresh again when it is back', async () => {
    const { clients, pages, requests, clock, delays } = openStage()
    await clients.find(url, now)
    pages.delete(url)
    clock.now += 300
    for (let index = 0; index < 5; index++) await clients.find(url, now)
    expect(requests).toHaveLength(2)
    clock.now += 60
    pages.set(url, () => published({ ...document, client_name: 'Renamed' }))
    expect(await clients.find(url, now)).toMatchObject({ name: 'Renamed', isStale: false })
    expect(delays).toEqual([])
  })

  it.each<[string, string, () => Response]>([
    ['404', 'client_unreachable', () => published({}, {}, 404)],
    ['410', 'client_unreachable', () => published({}, {}, 410)],
    ['broken JSON', 'client_unreachable', () => published('{')],
    ['another client_id', 'client_invalid', () => published({ ...document, client_id: 'x' })],
    ['no usable redirect URI', 'client_invalid', () => published({ ...document, redirect_uris: [] })],
  ])('is not used once its publisher withdraws it: %s', async (_case, code, publish) => {
    const { clients, pages, clock } = openStage()
    await clients.find(url, now)
    pages.set(url, publish)
    clock.now += 300
    expect(await codeOf(clients.find(url, now))).toBe(code)
    pages.delete(url)
    expect(await codeOf(clients.find(url, now))).toBe('client_unreachable')
  })

  it('is used for a minute only if this server is busy', async () => {
    const { clients, clock } = openStage({
      budget: {
        begin: ({ known }) =>
          known
            ? { failure: { reason: 'busy', message: 'too many fetches are in progress', retryAfter: 3 } }
            : { end: () => undefined },
      },
    })
    await clients.find(url, now)
    clock.now += 359
    expect(await clients.find(url, now)).toMatchObject({ isStale: true })
    clock.now++
    await expect(clients.find(url, now)).rejects.toMatchObject({ code: 'too_many_fetches', retryAfter: 3 })
  })
})

describe('a document that cannot be fetched', () => {
  it('is reported as late as the latest failure, so that the time reveals nothing', async () => {
    const { clients, pages, delays } = openStage({ failureTime: 'shortest' })
    pages.clear()
    expect(await codeOf(clients.find(url, now))).toBe('client_unreachable')
    expect(delays).toEqual([])
    let end = (): void => undefined
    const waited: number[] = []
    const delay = (milliseconds: number) => {
      waited.push(milliseconds)
      return new Promise<void>((resolve) => (end = resolve))
    }
    const slow = openStage({ delay })
    slow.pages.clear()
    const finding = codeOf(slow.clients.find(url, now))
    await expect.poll(() => waited).toHaveLength(1)
    expect(await Promise.race([finding, Promise.resolve('waiting')])).toBe('waiting')
    end()
    expect(await finding).toBe('client_unreachable')
  })

  it('is refused with its name and cause', async () => {
    const { clients, pages } = openStage()
    pages.set(url, () => published({}, {}, 500))
    await expect(clients.find(url, now)).rejects.toMatchObject({
      name: 'OAuthProblem',
      message: `${url} returned 500.`,
    })
  })
})

describe('limits on the fetches that users cause', () => {
  it('count by network, and are reported at once', async () => {
    const { clients, pages, delays, requests } = openStage({}, { fetchesPerSource: 2 })
    pages.clear()
    const find = (index: number, remoteAddress: string) =>
      clients.find(`https://client.example/${index}`, { mayFetch: true, remoteAddress })
    for (const index of [1, 2]) expect(await codeOf(find(index, '203.0.113.1'))).toBe('client_unreachable')
    await expect(find(3, '203.0.113.2')).rejects.toMatchObject({ code: 'too_many_fetches', retryAfter: 60 })
    expect([requests.length, delays.length]).toEqual([2, 2])
    expect(await codeOf(find(4, '203.0.114.1'))).toBe('client_unreachable')
  })
})

describe('shares of users and networks', () => {
  const id = (host: string, index: number) => `https://${host}-${index % 200}.example/${index}.json`
  const by = (user: string) => ({ mayFetch: true, user })

  /** Finds many documents as one user, without exceeding the rates of their hosts. */
  function openShares() {
    const stage = openStage({}, { fetchesPerMinute: 100_000 })
    const flood = async (user: string, count: number, caller: FetchCaller = by(user)) => {
      for (let index = 0; index < count; index++) {
        const other = id(user, index)
        stage.pages.set(other, () => published({ ...document, client_id: other }))
        expect(await codeOf(stage.clients.find(other, caller))).toBe('found')
      }
    }
    return {
      ...stage,
      flood,
      isCached: async (other: string) =>
        (await codeOf(stage.clients.find(other, { mayFetch: false }))) !== 'client_not_fetched',
    }
  }

  it('a user who finds thousands of clients evicts only their own documents', async () => {
    const { clients, flood, isCached } = openShares()
    await clients.find(url, by('alice'))
    await flood('mallory', 3000)
    expect(await isCached(url)).toBe(true)
    expect(await isCached(id('mallory', 2999))).toBe(true)
    expect(await isCached(id('mallory', 2799))).toBe(false)
    expect(await isCached(id('mallory', 2800))).toBe(true)
  })

  it('keeps the document of a client with a token, even if another user fetched it first', async () => {
    const { clients, flood, isCached } = openShares()
    await clients.find(url, by('mallory'))
    await clients.find(url, { mayFetch: true, remoteAddress: '203.0.113.1', holdsToken: true })
    await flood('mallory', 300)
    for (let account = 0; account < 12; account++) await flood(`account${account}`, 200)
    expect(await isCached(url)).toBe(true)
    expect(await isCached(id('mallory', 299))).toBe(false)
  })

  it('kept documents count toward the share, and the least recently used one is evicted if all are kept', async () => {
    const { flood, isCached, clients } = openShares()
    await flood('mallory', 200, { ...by('mallory'), holdsToken: true })
    await flood('mallory-2', 2, by('mallory'))
    expect(await isCached(id('mallory', 0))).toBe(false)
    expect(await isCached(id('mallory', 1))).toBe(true)
    expect(await isCached(id('mallory-2', 0))).toBe(false)
    expect(await isCached(id('mallory-2', 1))).toBe(true)
    await clients.find(url, by('alice'))
    expect(await isCached(url)).toBe(true)
  })

  it('expired documents are evicted first, even if they were kept', async () => {
    const { flood, isCached, clock, clients } = openShares()
    await flood('mallory', 199, { ...by('mallory'), holdsToken: true })
    clock.now += 604_700
    await clients.find(url, by('mallory'))
    clock.now += 100
    await flood('mallory-2', 199, by('mallory'))
    expect(await isCached(url)).toBe(true)
    expect(await isCached(id('mallory-2', 198))).toBe(true)
  })

  it('one user may fetch 20 new documents of a host in a minute, and all users together 120', async () => {
    const { clients, pages, clock, requests } = openStage()
    pages.clear()
    const find = (index: number, user: string) => clients.find(`https://client.example/${index}`, by(user))
    for (let index = 0; index < 20; index++) expect(await codeOf(find(index, 'mallory'))).toBe('client_unreachable')
    await expect(find(20, 'mallory')).rejects.toMatchObject({ code: 'too_many_fetches', retryAfter: 60 })
    expect(await codeOf(clients.find('https://other.example/1', by('mallory')))).toBe('client_unreachable')
    expect(await codeOf(find(0, 'alice'))).toBe('client_unreachable')
    for (let index = 0; index < 99; index++) await codeOf(find(index, `user${index}`))
    expect(requests).toHaveLength(121)
    expect(await codeOf(find(0, 'bob'))).toBe('too_many_fetches')
    clock.now += 60
    expect(await codeOf(find(0, 'bob'))).toBe('client_unreachable')
  })

  it('the rates of a host do not apply to the holders of tokens', async () => {
    const { clients, pages } = openStage()
    for (let index = 0; index < 25; index++) {
      const other = `https://client.example/${index}`
      pages.set(other, () => published({ ...document, client_id: other }))
      const holder = { mayFetch: true, remoteAddress: '203.0.113.1', holdsToken: true }
      expect(await codeOf(clients.find(other, holder))).toBe('found')
    }
  })

  it('all ports of a host are one host (B22)', async () => {
    const { clients, requests } = openStage()
    const find = (port: number) => clients.find(`https://victim.example:${port}/client.json`, by('mallory'))
    for (let port = 8000; port < 8020; port++) expect(await codeOf(find(port))).toBe('client_unreachable')
    await expect(find(8020)).rejects.toMatchObject({ code: 'too_many_fetches', retryAfter: 60 })
    expect(requests).toHaveLength(20)
  })

  it('a document that was fetched before is fetched again whatever the rates of its host', async () => {
    const { clients, clock, requests } = openStage()
    await clients.find(url, by('alice'))
    clock.now += 300
    for (let index = 0; index < 20; index++) await codeOf(clients.find(`https://client.example/${index}`, by('alice')))
    expect(await clients.find(url, by('alice'))).toMatchObject({ isStale: false })
    expect(requests).toHaveLength(22)
  })

  it('at most 50 requests of a user or network wait for documents, and others still can', async () => {
    const { clients, pages, requests } = openStage()
    const publishing: ((response: Response) => void)[] = []
    pages.set(url, () => new Promise((resolve) => publishing.push(resolve)))
    const waiting = Array.from({ length: 60 }, () => codeOf(clients.find(url, by('mallory'))))
    const others = ['203.0.113.1', '203.0.114.1'].flatMap((remoteAddress) =>
      Array.from({ length: 51 }, () => codeOf(clients.find(url, { mayFetch: true, remoteAddress }))),
    )
    await expect.poll(() => publishing).toHaveLength(1)
    for (const publish of publishing) publish(published(document))
    const count = (codes: string[]) => codes.filter((code) => code === 'found').length
    expect(count(await Promise.all(waiting))).toBe(50)
    expect(count(await Promise.all(others))).toBe(100)
    expect(requests).toHaveLength(1)
    expect(await codeOf(clients.find(url, by('mallory')))).toBe('found')
  })
})

it('at most 1000 requests wait for documents', async () => {
  const { clients, pages } = openStage()
  let publish: ((response: Response) => void) | undefined
  pages.set(url, () => new Promise((resolve) => (publish = resolve)))
  const find = (remoteAddress: string) => clients.find(url, { mayFetch: true, remoteAddress })
  const waiting = Array.from({ length: 1000 }, (_, at) => find(`203.0.${Math.floor(at / 50)}.1`))
  await expect(find('203.1.0.1')).rejects.toMatchObject({ code: 'too_many_fetches', retryAfter: 2 })
  await expect.poll(() => publish).toBeDefined()
  publish?.(published(document))
  expect(await Promise.all(waiting)).toHaveLength(1000)
})

describe('a document at an address that is not public', () => {
  const addresses: Record<string, readonly string[]> = {
    'private.example': ['10.0.0.1'],
    'loopback.example': ['127.0.0.1'],
    'mapped.example': ['::ffff:10.0.0.1'],
    'mapped-metadata.example': ['::ffff:169.254.169.254'],
    'metadata.example': ['169.254.169.254'],
    'unique-local.example': ['fd00::1'],
    'both.example': ['8.8.8.8', '192.168.0.1'],
    'translated.example': ['64:ff9b::a00:1'],
    'shared.example': ['100.64.0.1'],
  }

  it('is refused without a connection, with one wording and at one time (B08)', async () => {
    const { options } = createWeb()
    const waited: number[] = []
    const clients = createClientFinder({
      ...options,
      issuer,
      fetch: createGuardedFetch(),
      delay: async (milliseconds) => waited.push(milliseconds),
    })
    const lookups = Object.fromEntries(Object.entries(addresses).map(([host, list]) => [host, [list]]))
    const network = simulatePublicNetwork(lookups, 9)
    const hosts = [...Object.keys(addresses), 'missing.example']
    const seen = new Set<string>()
    for (const host of hosts) {
      const id = `https://${host}/client.json`
      const problem: Error & { code?: string } = await clients.find(id, now).then(
        () => new Error('found'),
        (error: Error) => error,
      )
      seen.add(`${problem.code} ${problem.message.replace(id, 'URL')}`)
    }
    expect([...seen]).toEqual(['client_unreachable URL could not be fetched.'])
    expect(network).toMatchObject({ resolved: hosts, connected: [] })
    expect(waited).toHaveLength(hosts.length)
    expect(Math.min(...waited)).toBeGreaterThan(4000)
  })

  it.each(['https://169.254.169.254/client.json', 'https://[::1]/client.json', 'https://0x7f000001/client.json'])(
    'that is part of the id is refused without a fetch: %s',
    async (id) => {
      const { clients, requests } = openStage()
      expect(await codeOf(clients.find(id, now))).toBe('client_unknown')
      expect(requests).toEqual([])
    },
  )
})

describe('a registered client', () => {
  const registered = (id: string) => ({
    id,
    name: 'Pinned',
    host: undefined,
    registeredBy: 'operator' as const,
    redirectUris: document.redirect_uris,
    authMethods: new Set(['none'] as const),
    keys: undefined,
    refreshes: true,
    fingerprint: 'pinned',
  })

  it.each([
    ['an opaque id', 'client-1'],
    ['the URL of a document, which is never fetched', url],
  ])('is found by %s', async (_case, id) => {
    const { clients, requests } = openStage({ registered: [registered(id)] })
    for (const mayFetch of [false, true])
      expect(await clients.find(id, { mayFetch })).toMatchObject({ id, name: 'Pinned', isStale: false })
    expect(requests).toEqual([])
  })
})
