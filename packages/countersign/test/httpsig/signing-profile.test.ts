import { receiveRequest } from 'countersign/signatures'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requireTarget } from '../../src/httpsig/signing-profile.js'
import { refusalCode } from '../refusal.js'

describe('requireTarget', () => {
  it.each([
    ['/', '/', undefined],
    ['/a/b', '/a/b', undefined],
    ['/a/', '/a/', undefined],
    ['//admin', '//admin', undefined],
    ['/%61dmin', '/%61dmin', undefined],
    ['/a%2Fb', '/a%2Fb', undefined],
    ['/a%', '/a%', undefined],
    ['/...', '/...', undefined],
    ['/a.b/.c', '/a.b/.c', undefined],
    ['/a|b', '/a|b', undefined],
    ['/a?', '/a', '?'],
    ['/a?b', '/a', '?b'],
    ['/a?b?c', '/a', '?b?c'],
    ['/a?b=/../c', '/a', '?b=/../c'],
    ["/a'b", "/a'b", undefined],
  ])('splits %s', (target, path, query) => {
    expect(requireTarget(target)).toEqual({ path, query })
    expect(new URL(`https://resource.example${target}`).pathname).toBe(path)
  })

  it.each([
    ['a dot segment', '/x/../admin'],
    ['a trailing dot segment', '/x/..'],
    ['a single dot', '/./admin'],
    ['a trailing single dot', '/admin/.'],
    ['an encoded dot segment', '/x/%2e%2e/admin'],
    ['an encoded dot segment in uppercase', '/x/%2E./admin'],
    ['a half-encoded dot segment', '/x/.%2e/admin'],
    ['an encoded single dot', '/%2e/admin'],
    ['a backslash', '/x\\..\\admin'],
    ['absolute form', 'http://resource.example/admin'],
    ['authority form', 'resource.example:443'],
    ['asterisk form', '*'],
    ['nothing', ''],
    ['without a trailing slash', 'admin'],
    ['only a query', '?a=1'],
    ['a fragment', '/a#b'],
    ['a fragment after the query', '/a?b#c'],
    ['a space', '/a b'],
    ['a tab', '/a\tb'],
    ['a line feed', '/a\nb'],
    ['a trailing line feed', '/a\n'],
    ['a NUL', '/a\0'],
    ['a quote', '/a"b'],
    ['a quote in the query', '/a?"'],
    ['an apostrophe in the query, which URL parsers encode', "/a?b='c'"],
    ['angle brackets', '/<a>'],
    ['braces in the path, which URL parsers encode', '/{a}'],
    ['a caret in the path, which some URL parsers encode', '/a^b'],
    ['Latin-1', '/é'],
    ['8 KiB', `/${'a'.repeat(8192)}`],
  ])('rejects %s', async (_name, target) => {
    expect(await refusalCode(() => requireTarget(target))).toBe('target_ambiguous')
  })

  it('accepts a target of 8,192 characters, and none longer', async () => {
    expect(requireTarget(`/${'a'.repeat(8191)}`).path).toHaveLength(8192)
    expect(await refusalCode(() => requireTarget(`/${'a'.repeat(8192)}`))).toBe('target_ambiguous')
  })

  it('accepts only targets that URL parsing does not change', () => {
    const character = fc.constantFrom(...'/..%2eE?#\\ ab\'"^|{}[]`~@:;=&+$!*(),-_\t<>é'.split(''))
    fc.assert(
      fc.property(fc.array(character, { maxLength: 12 }), (characters) => {
        const target = `/${characters.join('')}`
        try {
          requireTarget(target)
        } catch (error) {
          expect(error).toMatchObject({ code: 'target_ambiguous' })
          return
        }
        expect(receiveRequest(new Request(`https://resource.example${target}`)).rawTarget).toBe(target)
      }),
      { numRuns: 5000 },
    )
  })

  it('accepts the target of a Request for any URL that agents request', () => {
    const urls = fc.webUrl({ withQueryParameters: true, withFragments: true })
    fc.assert(
      fc.property(urls, (url) => {
        const target = receiveRequest(new Request(url)).rawTarget
        const { path, query } = requireTarget(target)
        expect(path + (query ?? '')).toBe(target)
      }),
    )
  })
})
