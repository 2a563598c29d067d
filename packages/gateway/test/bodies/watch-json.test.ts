import { describe, expect, it } from 'vitest'
import { watchJson } from '../../src/bodies/watch-json.js'
import { watched } from './recording-check.js'

const urlOf = (length: number) => `[{"url":"${'/'.repeat(length)}"}]`
const refused = ['request_malformed']

describe('watchJson', () => {
  it.each<[string, string[]]>([
    ['{"a":1,"b":[true,null,false]}', []],
    ['{"_method":"PUT"}', refused],
    ['{"a":{"_method":"PUT"}}', []],
    ['[{"_method":"PUT"}]', []],
    ['{"http_method":"put"}', ['member http_method: put']],
    ['{"http_method":"a\\"b\\\\"}', ['member http_method: a"b\\']],
    ['{"http_method":["put"],"b":"c"}', []],
    ['{"http_method":{"x":"y"},"z":"w"}', []],
    ['{"http_method":1,"b":"put"}', []],
    ['{"a":"http_method","b":"put"}', []],
    ['{"http_method":"a","http_method":"b"}', ['member http_method: a', 'member http_method: b']],
    ['{"a":{"b":1},"c":[1,2],"http_method":"put"}', ['member http_method: put']],
    ['{"b":"\\\\","http_method":"x"}', ['member http_method: x']],
    ['{"a":1}{"http_method":"put"}', ['member http_method: put']],
    ['{"a":1}\n\x1e{"http_method":"put"}\n', ['member http_method: put']],
    ['{"":1,"http_method":"put"}', ['member http_method: put']],
    ['{"a\\"":"","http_method":"put"}', ['member http_method: put']],
    ['{"\\u0068ttp_method":"\\u0070ut"}', ['member http_method: put']],
    ['{"a":[[],{},[{}],"b",1,{"c":[]}],"d":{"e":{}},"f":""}{"g":1}\n[1]"h"[]', []],
    ['{"__proto__":{"_method":"put"}}', refused],
    ['[{"__proto__":{"url":"/a"}}]', refused],
    ['{"a":{"__proto__":1},"__proto":1,"a__proto__":1}', []],
    ['[{"url":"/a"}]', ['url /a']],
    ['[{"\\u0075rl":"\\/a"}]', ['url /a']],
    ['{"r":[{},{"relative_url":"/a","x":"/b"}]}', ['url /a']],
    ['[[{"uri":"/x"}]]', ['url /x']],
    ['[{"a":[{"path":"/b"}],"url":"/c"}]', ['url /b', 'url /c']],
    ['[{"url":5,"b":"/c"}]', []],
    ['[{"url":["/a"]}]', ['no certain url']],
    ['[{"url":{"a":"/b"}}]', []],
    ['[{"a":{"url":"/x"}}]', []],
    ['{"url":"/a"}', []],
    [urlOf(1023), ['url ////////… 1027']],
    [urlOf(1024), ['no certain url']],
    [`${'['.repeat(500)}{"url":"/a"}${']'.repeat(500)}`, ['url /a']],
    ['', []],
    [' \r\n\t', []],
    ['\xef\xbb\xbf{"http_method":"x"}', ['member http_method: x']],
    ['"_method"', []],
    ['{"a":"x\0"}', ['media_type_unsupported']],
  ])('%s', (body, seen) => {
    expect(watched(watchJson, body)).toEqual(seen)
  })

  it.each([
    ...'0 -0 10 -1.50 1e5 1E+05 2.0e-999 1.7e307 true null false'.split(' '),
    '9'.repeat(308),
    '"\\u00e9\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\x7f\xc3\xa9"',
  ])('accepts %s', (value) => {
    for (const body of [value, `[${value}]`, `{"a":${value} ,"b":[ ${value}\n]}`])
      expect(watched(watchJson, body)).toEqual([])
  })

  it.each([
    ...'01 - 1. .5 +1 1e 1e+ 1-2 1+ 1.e1 1.2.3 1e5.0 1e2e3 -a 0x1 1e999 1e308 NaN -Infinity tru True nulll'.split(' '),
    ...`'a' \`a\` a "\\q" "\\u00g0" "\\x41" "a /**/1 1// 1# : ,`.split(' '),
    '9'.repeat(309),
    'true\x1e',
    '"\n"',
    '1 2',
    '"a" "b"',
  ])('refuses %s', (value) => {
    for (const body of [`[${value},0]`, `{"a":${value}}`, `{"a":[${value}],"b":1}`])
      expect(watched(watchJson, body).at(-1)).toBe('request_malformed')
  })

  it.each([
    ...`{ [ {"a" {"a": {"a":1 [1 [1, {] [} {"a":1] [1} {,} [,] [1,] {"a":1,} 1. - tru`.split(' '),
    ...`{"a":1,,"b":1} {"a"::1} {a:1} {1:1} {"x":{a:1}} {'a':1} {"a":1}} ] "a":1 1,2`.split(' '),
    ...'{"a":1}# {"a":{}"b":2} [[]{}] {{}:1} ["a":1] {"a""b"}'.split(' '),
    '{"a" 1}',
    '{"a":1 "b":2}',
    '{"a":[]} and more',
    '{"a":1}\0',
    `${'['.repeat(1001)}${']'.repeat(1001)}`,
  ])('refuses the incomplete or invalid body %.40s', (body) => {
    expect(watched(watchJson, body).at(-1)).toMatch(/request_malformed|media_type_unsupported/)
  })
})
