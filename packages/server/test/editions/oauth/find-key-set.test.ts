import { createGuardedFetch } from 'countersign/node'
import { expect, it, vi } from 'vitest'
import { simulatePublicNetwork } from '../../../../countersign/test/discovery/public-network.js'
import { createKeySetFinder } from '../../../src/editions/oauth/find-key-set.js'
import { codeOf, createWeb, published } from './published-documents.js'

const issuer = 'https://auth.example'

it('a key set at an address that is not public is not fetched, as if its host did not exist (B08)', async () => {
  const { options } = createWeb()
  const findKeySet = createKeySetFinder({ ...options, issuer, fetch: createGuardedFetch() })
  const addresses: Record<string, readonly string[]> = {
    'private.example': ['10.0.0.1'],
    'mapped.example': ['::ffff:169.254.169.254'],
    'both.example': ['8.8.8.8', '127.0.0.1'],
  }
  const lookups = Object.fromEntries(Object.entries(addresses).map(([host, list]) => [host, [list]]))
  const network = simulatePublicNetwork(lookups, 9)
  for (const host of [...Object.keys(addresses), 'missing.example'])
    expect(await codeOf(findKeySet(`https://${host}/jwks.json`, { mayFetch: true }))).toBe('client_unreachable')
  expect(network.connected).toEqual([])
})

it('a key set at this server itself is never fetched', async () => {
  const { options } = createWeb()
  const fetch = vi.fn(options.fetch)
  const findKeySet = createKeySetFinder({ ...options, issuer, fetch })
  expect(await findKeySet(`${issuer}/oauth/jwks.json`, { mayFetch: true })).toBeUndefined()
  expect(fetch).not.toHaveBeenCalled()
})

it('key sets that were never valid count toward the limits of their host, even for the holder of a token', async () => {
  const { options, pages, clock } = createWeb()
  const findKeySet = createKeySetFinder({ ...options, issuer })
  const caller = { mayFetch: true, remoteAddress: '203.0.113.1', holdsToken: true }
  const find = (index: number) => codeOf(findKeySet(`https://client.example/${index}.json`, caller))
  pages.set('https://client.example/0.json', () => published({ keys: [] }))
  expect(await find(0)).toBe('found')
  for (let index = 1; index < 20; index++) expect(await find(index)).toBe('client_unreachable')
  expect(await find(20)).toBe('too_many_fetches')
  clock.now += 300
  for (let index = 1; index <= 20; index++) await find(index)
  expect(await find(21)).toBe('too_many_fetches')
  expect(await find(0)).toBe('found')
})

it('a key set is used for five minutes, without what is no key, and is missing if it has none', async () => {
  const { options, pages, clock, requests } = createWeb()
  const findKeySet = createKeySetFinder({ ...options, issuer })
  const url = 'https://client.example/jwks.json'
  const find = async () => findKeySet(url, { mayFetch: true })
  pages.set(url, () => published({ keys: [{ kid: 'a' }, 'b', null, []] }, { 'cache-control': 'max-age=9000' }))
  for (const [seconds, fetches] of [
    [0, 1],
    [299, 1],
    [1, 2],
  ] as const) {
    clock.now += seconds
    expect(await find()).toEqual({ keys: [{ kid: 'a' }] })
    expect(requests).toHaveLength(fetches)
  }
  clock.now += 300
  for (const document of [{ keys: { a: 1 } }, {}, [], null]) {
    pages.set(url, () => published(JSON.stringify(document)))
    expect(await find()).toBeUndefined()
  }
  // It is not used once it has expired.
  pages.delete(url)
  expect(await codeOf(find())).toBe('client_unreachable')
})
