import { describe, expect, it } from 'vitest'
import { fits, foldUri, isPlainUri, uriReadings } from '../../../src/resource/mcp/uri-patterns.js'

it.each([
  ['notes://mine/*', 'notes://mine/a', true],
  ['notes://mine/*', 'notes://mine/', true],
  ['notes://mine/*', 'notes://mine', false],
  ['notes://mine/*', 'xnotes://mine/a', false],
  ['*/a', 'notes://mine/a', true],
  ['*/a', 'notes://mine/a/b', false],
  ['n*s://*/a', 'notes://mine/a', true],
  ['n*s://*/a', 'notes:/mine/a', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['a*b*b', 'ab', false],
  ['a*bc*cd', 'abcd', false],
  ['a*bc*cd', 'abccd', true],
  ['a**b', 'ab', true],
  ['a*b*c*d', 'axbxcxd', true],
  ['a*b*c*d', 'axcxbxd', false],
  ['*', '', true],
])('the pattern %s matches %s: %s', (pattern, uri, expected) => {
  expect(fits(pattern, uri)).toBe(expected)
})

describe('isPlainUri', () => {
  it.each([
    'notes://mine/a',
    'notes://mine',
    'https://api.example',
    'https://api.example/a?b=c',
    'file:///srv/a.txt',
    'urn:isbn:123',
    'notes://mine/a%20b',
    'notes://mine/%C3%A9',
    'notes://mine/a.b/..c/...',
    `notes://mine/${'a'.repeat(2035)}`,
  ])('accepts %s', (uri) => {
    expect(isPlainUri(uri)).toBe(true)
  })

  it.each([
    ['2,049 characters', `notes://mine/${'a'.repeat(2036)}`],
    ['a space', 'notes://mine/a b'],
    ['a non-ASCII letter', 'notes://mine/é'],
    ['a control character', 'notes://mine/\u007f'],
    ['a backslash', 'notes://mine/a\\b'],
    ['a fragment', 'notes://mine/a#b'],
    ['no scheme', 'notes'],
    ['a host in upper case', 'https://API.example/a'],
    ['a default port', 'https://api.example:443/a'],
    ['a dot segment', 'https://api.example/a/../b'],
    ['a dot segment without an authority', 'urn:../a'],
    ['a single dot', 'urn:a/./b'],
    ['a trailing dot segment', 'notes://mine/a/..'],
    ['a dot segment in a parameter', 'notes://mine/a?b=../c'],
    ['an empty segment', 'notes://mine/a//b'],
    ['an empty first segment', 'notes://mine//a'],
    ['a needlessly encoded letter', 'notes://mine/%61'],
    ['an encoded slash', 'notes://mine/a%2Fb'],
    ['an encoded dot', 'notes://mine/%2e'],
    ['an encoded backslash', 'notes://mine/%5C'],
    ['an incomplete escape', 'notes://mine/%2'],
    ['an escape of no octet', 'notes://mine/%zz'],
    ['octets that are not UTF-8', 'notes://mine/%FF'],
    ['two layers of encoding', 'notes://mine/%2561'],
    ['an encoded control character', 'notes://mine/%00'],
  ])('rejects %s', (_what, uri) => {
    expect(isPlainUri(uri)).toBe(false)
  })
})

it.each([
  ['notes://Mine/A', 'notes://mine/a'],
  ['notes://mine/a/', 'notes://mine/a'],
  ['notes://mine/a///', 'notes://mine/a'],
  ['notes://', 'notes://'],
  ['notes://mine/%41', 'notes://mine/a'],
  ['notes://mine/%FF', 'notes://mine/%ff'],
  ['notes://mine/a%C2%ADb', 'notes://mine/ab'],
  ['notes://mine/%EF%BD%81', 'notes://mine/a'],
  ['notes://mine/%C4%B1', 'notes://mine/i'],
  ['notes://mine/a. ./b', 'notes://mine/a/b'],
  ['notes://mine/a.', 'notes://mine/a'],
  ['notes://mine/a.b', 'notes://mine/a.b'],
  ['notes://mine/a.?b', 'notes://mine/a?b'],
  ['file:///a::$DATA', 'file:///a'],
  ['file:///a::$DATA/b::$INDEX_ALLOCATION', 'file:///a/b'],
])('%s is folded to %s', (uri, folded) => {
  expect(foldUri(uri)).toBe(folded)
})

it.each([
  ['notes://mine/a', ['notes://mine/a']],
  ['notes://mine/a?b', ['notes://mine/a?b', 'notes://mine/a']],
  ['notes://mine/a;b/c', ['notes://mine/a;b/c', 'notes://mine/a/c']],
  ['notes://user@mine:80/a', ['notes://user@mine:80/a', 'notes://mine/a']],
  ['notes://mine:/a', ['notes://mine:/a', 'notes://mine/a']],
  ['notes://mine:80', ['notes://mine:80', 'notes://mine']],
  ['urn:a:80', ['urn:a:80']],
  ['notes://mine/?b', ['notes://mine/?b', 'notes://mine']],
])('servers may read %s as %j', (uri, readings) => {
  expect(uriReadings(uri)).toEqual(readings)
})
