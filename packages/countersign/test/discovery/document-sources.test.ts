import { expect, it } from 'vitest'
import {
  createDocumentSources,
  createRefetches,
  privateKeysIn,
  readJwks,
} from '../../src/discovery/document-sources.js'

it('finds the keys of a set that expose a private part, by their kid of at most 256 characters', () => {
  const keys = [
    { kid: 'public', x: 'a' },
    { kid: 'private', d: 'a' },
    null,
    'd',
    { k: 'a' },
    { kid: 7, p: 'a' },
    { kid: 'k'.repeat(300), q: 'a' },
  ]
  const kids = privateKeysIn({ keys }).map(({ kid }) => kid)
  expect(kids).toEqual(['private', undefined, undefined, 'k'.repeat(256)])
})

it.each([[null], ['keys'], [{}], [{ keys: {} }], [[]]])('rejects a key set that is %j', (document) => {
  expect(readJwks(document, 'https://agent.example')).toEqual({ refusal: 'it has no keys array' })
})

it.each([
  ['allowNetworks', { allowNetworks: [{ cidr: '10.0.0.0/8' }] }],
  ['egressProxy', { egressProxy: 'http://proxy.example:3128' }],
])('rejects %s with a custom fetch, to which it would not apply', (name, options) => {
  const fetch = async () => new Response()
  expect(() => createDocumentSources({ ...options, fetch }, () => 0)).toThrow(`${name} has no effect on your own fetch`)
  expect(() => createDocumentSources(options, () => 0)).not.toThrow()
  expect(() => createDocumentSources({ allowNetworks: [], fetch }, () => 0)).not.toThrow()
})

it('a busy server that others fetch from does not allow another fetch before the interval is over', async () => {
  let time = 0
  let loads = 0
  let isLoading = false
  let reason = 'unreachable'
  const documents = {
    find: () => undefined,
    isLoading: () => isLoading,
    load: async () => {
      loads++
      return { failure: { reason, message: 'down' } }
    },
  }
  const { loadRenewed } = createRefetches(documents as never, () => time, 60)
  const held = { value: 'old', freshUntil: 0, fetched: 1 }
  const renew = async () => {
    expect(await loadRenewed({ key: 'a', configured: false } as never, held, {} as never)).toBe(held)
    return loads
  }
  expect(await renew()).toBe(1)
  expect(await renew()).toBe(1)
  isLoading = true
  reason = 'busy'
  expect(await renew()).toBe(2)
  isLoading = false
  expect(await renew()).toBe(2)
  time = 60
  expect(await renew()).toBe(3)
  expect(await renew()).toBe(4)
})
