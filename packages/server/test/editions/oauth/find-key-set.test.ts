import { createGuardedFetch } from 'countersign/node'
import { expect, it, vi } from 'vitest'
import { simulatePublicNetwork } from '../../../../countersign/test/discovery/public-network.js'
import { createKeySetFinder } from '../../../src/editions/oauth/find-key-set.js'
import { codeOf, createWeb } from './published-documents.js'

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
