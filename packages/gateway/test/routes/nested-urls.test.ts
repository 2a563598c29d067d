import { describe, expect, it } from 'vitest'
import { isUrlName, mayContainUrl, pathsOfUrl, urlsIn } from '../../src/routes/nested-urls.js'

it.each([
  ...['url', 'uri', 'path', 'URL', 'relative_url', 'relativeUrl', 'relative_path', 'RelativeUri'].map((name) => [
    name,
    true,
  ]),
  ...['', 'urls', 'curl', 'relative-url', 'relative__url', 'urlpath', 'href'].map((name) => [name, false]),
] as [string, boolean][])('%s is the name of a URL: %s', (name, isName) => {
  expect(isUrlName(name)).toBe(isName)
})

it.each([
  ['{"url":1}', true],
  ['{"relative_URI":1}', true],
  ['{"Path":1}', true],
  [String.raw`{"\u0061":1}`, true],
  [String.raw`{"\U0061":1}`, true],
  ['{\0"\0u\0r\0l\0"\0', true],
  ['{"name":1}', false],
])('%j may contain a URL: %s', (text, may) => {
  expect(mayContainUrl(text)).toBe(may)
})

it.each<[string, unknown]>([
  ['[{"url":"/a","b":"/b"}]', ['/a']],
  ['[{"path":"/a"},{"uri":"/b"}]', ['/a', '/b']],
  ['{"requests":[{"c":[{"relative_url":"/x"}]}]}', ['/x']],
  ['{"url":"/a"}', []],
  ['[{"b":{"url":"/a"}}]', []],
  ['["/a",["/b"]]', []],
  ['[{"url":["/a"]}]', [undefined]],
  ['[{"b":["/a"]}]', []],
  ['[{"url":1},{"url":{}},{"url":null}]', []],
  ['[{"url" : "/a" , "b\\"":":"}]', ['/a']],
  ['{"a":1,"a":2}', undefined],
  ['[{"url":"/a","url":"/b"}]', undefined],
  ['[{"url":"/a"', undefined],
  ['1', []],
])('%s contains these URLs', (text, urls) => {
  expect(urlsIn(text)).toEqual(urls)
})

describe('the path of a URL', () => {
  it.each<[string, string[], boolean]>([
    ['/', [], true],
    ['', [], false],
    ['/a/b', ['a', 'b'], true],
    ['a/b', ['a', 'b'], false],
    ['/a?b;c&d#e', ['a'], true],
    ['/a#b?c', ['a'], true],
    ['?a', [], false],
    ['https://h.example/a', ['a'], false],
    ['HTTP://user@h.example:80/a', ['a'], false],
    ['https://[::1]/a', ['a'], false],
    ['https://h.example', [], false],
    ['https://h.example?a', [], false],
    ['mailto:a', ['a'], false],
  ])('%s has these segments', (url, names, isCertain) => {
    expect(pathsOfUrl(url)).toEqual([{ names, isRest: false, literalAt: isCertain ? -1 : 0 }])
  })

  it.each<[string, string[], string[][]]>([
    [
      '/users/7',
      ['v1.0', '$batch'],
      [
        ['users', '7'],
        ['v1.0', 'users', '7'],
      ],
    ],
    ['users', ['scim', 'v2', 'Bulk'], [['users'], ['scim', 'users'], ['scim', 'v2', 'users']]],
    ['users', ['a', 'batch', ''], [['users'], ['a', 'users'], ['a', 'batch', 'users']]],
    ['/users', ['batch'], [['users']]],
    ['https://h.example/users', ['a', 'batch'], [['users']]],
    ['//h.example/users', ['a', 'batch'], [['users']]],
    ['mailto:a', ['a', 'batch'], [['a']]],
    ['ahttp:b', ['a', 'batch'], [['b']]],
  ])('%s in a batch at %j may have these segments', (url, own, names) => {
    expect(pathsOfUrl(url, own)?.map((path) => path.names)).toEqual(names)
  })

  it.each([
    'http:admin',
    'HTTPS:/admin',
    '/a//b',
    '/a%2Fb',
    '/a%00',
    'h:80/admin',
    'x:/admin',
    'https://h^.example/a',
    'https://h.example:80;/a',
    '//',
    '/a&b',
    '/a;b',
    '/a b',
    '/a\n',
    '/a?\n',
    '/a\ud800',
  ])('%j is read in different ways', (url) => {
    expect(pathsOfUrl(url)).toBeUndefined()
  })
})
