import { describe, expect, it } from 'vitest'
import { canonicalResource, metadataUrlOf, sameResource } from '../../src/lib/resource-id.js'

const mcp = 'https://notes.example/mcp'

describe('sameResource', () => {
  it.each([
    [mcp, mcp],
    ['HTTPS://Notes.Example/mcp', mcp],
    ['https://notes.example:443/mcp', mcp],
    ['http://notes.example:80/mcp', 'http://notes.example/mcp'],
    ['https://notes.example/mcp/', mcp],
    ['https://notes.example', 'https://notes.example/'],
    ['https://notes.example?tenant=a', 'https://notes.example/?tenant=a'],
    ['https://notes.example/mcp/?tenant=a', 'https://notes.example/mcp?tenant=a'],
  ])('holds for %s and %s', (one, other) => {
    expect([sameResource(one, other), sameResource(other, one)]).toEqual([true, true])
  })

  it.each([
    ['another path', 'https://notes.example/mcp2', mcp],
    ['the origin', 'https://notes.example', mcp],
    ['another case in the path', 'https://notes.example/MCP', mcp],
    ['another port', 'https://notes.example:8443/mcp', mcp],
    ['the default port of the other scheme', 'https://notes.example:80/mcp', mcp],
    ['another scheme', 'http://notes.example/mcp', mcp],
    ['another host', 'https://evil.example/mcp', mcp],
    ['a trailing dot', 'https://notes.example./mcp', mcp],
    ['two slashes', 'https://notes.example/mcp//', mcp],
    ['a query', 'https://notes.example/mcp?a=1', mcp],
    ['a slash at the end of the query', 'https://notes.example/mcp?a=/', 'https://notes.example/mcp?a='],
    ['another encoding', 'https://notes.example/m%63p', mcp],
    ['a dot segment', 'https://notes.example/a/../mcp', mcp],
    ['an encoded dot segment', 'https://notes.example/a/%2e%2e/mcp', mcp],
    ['a backslash', 'https://notes.example\\mcp', mcp],
    ['user information', 'https://notes.example@evil.example/mcp', 'https://evil.example/mcp'],
    ['an encoded host', 'https://%6eotes.example/mcp', mcp],
    ['an empty fragment', `${mcp}#`, mcp],
  ])('does not hold with %s', (_case, one, other) => {
    expect([sameResource(one, other), sameResource(other, one)]).toEqual([false, false])
  })
})

describe('a text that identifies no resource', () => {
  it.each([
    '',
    'notes.example/mcp',
    '//notes.example/mcp',
    'urn:example:notes',
    'file:///mcp',
    'https://',
    'https:///mcp',
    'https://notes.example/mcp#part',
    'https://notes.example/#https://notes.example',
    'https://notes.example:99999/mcp',
    'https://user@notes.example/mcp',
    'https://notes.example/mc p',
    'https://notes.example/mcp?a=\\b',
    'https://nótes.example/mcp',
    // A URL parser reads the Kelvin sign as a k.
    'https://\u212aeys.example/mcp',
    `https://notes.example/${'a'.repeat(491)}`,
  ])('has no canonical form, equals not even itself, and has no metadata: %s', (text) => {
    expect([canonicalResource(text), sameResource(text, text), metadataUrlOf(text)]).toEqual([
      undefined,
      false,
      undefined,
    ])
  })
})

it('has at most 512 characters', () => {
  const longest = `https://notes.example/${'a'.repeat(490)}`
  expect(canonicalResource(longest)).toBe(longest)
})

describe('metadataUrlOf', () => {
  it.each([
    [mcp, 'https://notes.example/.well-known/oauth-protected-resource/mcp'],
    ['https://notes.example', 'https://notes.example/.well-known/oauth-protected-resource'],
    ['https://notes.example/', 'https://notes.example/.well-known/oauth-protected-resource'],
    ['https://notes.example/?a=1', 'https://notes.example/.well-known/oauth-protected-resource?a=1'],
    ['https://notes.example/a/mcp?t=1', 'https://notes.example/.well-known/oauth-protected-resource/a/mcp?t=1'],
    ['https://notes.example/mcp/', 'https://notes.example/.well-known/oauth-protected-resource/mcp/'],
    ['HTTPS://Notes.example:443/Mcp', 'https://notes.example/.well-known/oauth-protected-resource/Mcp'],
    ['http://127.0.0.1:3000/mcp', 'http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp'],
  ])('of %s', (resource, url) => {
    expect(metadataUrlOf(resource)).toBe(url)
  })
})
