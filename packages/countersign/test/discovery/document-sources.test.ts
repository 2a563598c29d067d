import { expect, it } from 'vitest'
import { createDocumentSources, privateKeysIn, readJwks } from '../../src/discovery/document-sources.js'

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
  expect(() => createDocumentSources({ ...options, fetch }, () => 0)).toThrow(`${name} applies to the guarded fetch`)
  expect(() => createDocumentSources(options, () => 0)).not.toThrow()
  expect(() => createDocumentSources({ allowNetworks: [], fetch }, () => 0)).not.toThrow()
})
