import { describe, expect, it } from 'vitest'
import { requireBoundary, watchParameters, watchParts } from '../../src/bodies/watch-form.js'
import { watched } from './recording-check.js'

const x = (length: number) => 'x'.repeat(length)

describe('watchParameters', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['a=1&b=2', []],
    ['_method=PUT', ['request_malformed']],
    ['_method', ['request_malformed']],
    ['a=1;_method=PUT', ['request_malformed']],
    ['+%20%09\n_method=PUT', ['request_malformed']],
    ['http_method=put&b=put', ['name http_method', 'value put', 'field http_method: put']],
    ['http%5Fmethod=a=b', ['name http_method', 'value a=b', 'field http_method: a=b']],
    ['rest_route=/x', ['request_malformed']],
    ['next=/a', ['name next', 'value /a']],
    ['path=%2Fa&abc=%5b', ['name path', 'value %2Fa', 'value %5b']],
    ['data=[{"a":1}]', ['name data', 'value [{"a":1}]']],
    ['data=[{"a":1;"b":2}]&x=1', ['name data', 'value [{"a":1', 'value [{"a":1;"b":2}]', 'name "b":2}]']],
    ['data=a;b', ['name data']],
    ['data=+\u00ef\u00bb\u00bf{', ['name data', 'value +ï»¿{']],
    ['data=\t{}', ['name data', 'value \t{}']],
    [`${x(1100)}_method=PUT`, ['name xxxxxxx… 1029']],
    [`a=1&${' '.repeat(1100)}_method=PUT`, ['request_malformed']],
    [`a=1&${'['.repeat(1100)}_method=PUT`, ['request_malformed']],
    [`a=1&${'%5B]'.repeat(600)}_method]=PUT`, ['request_malformed']],
    [`next=/${x(8190)}`, ['name next', 'value /xxxxx… 8197']],
    [`next=/${x(8191)}`, ['name next', 'long value of 8192']],
  ])('%s', (body, seen) => {
    expect(watched(watchParameters, body)).toEqual(seen)
  })
})

describe('watchParts', () => {
  const one = (head: string, content = '1') => `--B\r\n${head}\r\n\r\n${content}\r\n`
  const part = (head: string, content = '1') => `${one(head, content)}--B--\r\n`
  const disposition = (name: string) => `Content-Disposition: form-data; name=${name}`
  const named = (name: string, content?: string) => part(disposition(name), content)
  const watch = (body: string) => watched((fields) => watchParts('B', fields), body)
  const refused = ['request_malformed']

  it.each<[string, string[]]>([
    [named('"a"'), ['name a']],
    [named('a'), ['name a']],
    [named("'a'"), refused],
    [named('"a\\"b"'), refused],
    [named('"_method"'), refused],
    [named('_method'), refused],
    [named('"rest_route"'), refused],
    [named('"a" _method'), refused],
    [named('"http_method"', 'put'), ['name http_method', 'field http_method: put']],
    [
      one(disposition('"http_method"'), 'put') + named('"b"', 'get'),
      ['name http_method', 'field http_method: put', 'name b'],
    ],
    [named('a; filename="b"; name=c'), refused],
    [named('a; filename="b"; filename="c"'), refused],
    [named('a; filename="b\\"; c\\\\"'), ['name a']],
    [named('a; filename="b\\"; name=c"'), refused],
    [named('a; filename="b"; filename*=UTF-8\'\'b%20'), ['name a']],
    [named('"_method"; filename="b"'), refused],
    [named('"a b"; filename="c"'), ['name a b']],
    [named('"a;b"'), refused],
    [named('"a=b"'), refused],
    [named('a; x=b'), refused],
    [named('"a"\r\nContent-Type: text/plain; charset=utf-8'), ['name a']],
    [named('"a"\r\nContent-Type: text/plain; charset=utf-7'), ['media_type_unsupported']],
    ...['Content-Transfer-Encoding: base64', 'Content-Encoding: 7bitx', 'content-encoding: x7bit'].map(
      (line): [string, string[]] => [named(`"a"\r\n${line}`), ['media_type_unsupported']],
    ),
    ...['Content-Transfer-Encoding: 7BIT ', 'X-Content-Encoding: gzip', 'Content-Encoding-X: gzip'].map(
      (line): [string, string[]] => [named(`"a"\r\n${line}`), ['name a']],
    ),
    [named('"a"\r\nContent-Disposition: form-data'), refused],
    [named('"a"\r\n filename=b'), refused],
    [named('"a"\r\nX : b'), refused],
    [named('"a"\r\nX'), refused],
    [part('Content-ID: <a>'), ['name a']],
    [part('Content-ID: <_method>'), refused],
    [part('X-Content-ID: a'), ['name a']],
    [part('X: content-id:_method'), refused],
    [`--B\r\nX-${disposition('"_method"')}\r\n${disposition('"a"')}\r\n\r\n1\r\n--B--\r\n`, refused],
    [named('"a"\r\nContent-Type: text/plain; name="_method"'), refused],
    [named('"a"\r\nContent-Type: text/plain; name="_\\method"'), refused],
    [named('"a"\r\nContent-Type: text/plain; name = _method'), refused],
    [named('"a"\r\nX: name*=UTF-8\'\'b'), refused],
    [named('"a"\r\nX: name=b content-id: _method'), refused],
    [named('"a"\r\nContent-Type: image/png; name="b.png"'), ['name a', 'name b.png']],
    ['--B\r\n\r\n1\r\n--B--\r\n', []],
    ['--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--\r\n', []],
    [one(disposition('"a"'), 'x') + named('"b"', '/y'), ['name a', 'name b', 'value /y']],
    [named('_charset_', 'utf-8'), ['name _charset_']],
    [named('_charset_', 'utf-7'), ['name _charset_', 'media_type_unsupported']],
    [one(disposition('_charset_'), 'utf-8') + named('a', 'utf-7'), ['name _charset_', 'name a']],
    [named('"a"; NAME="b"'), refused],
    [named('"a"; FileName="b"; filename="c"'), refused],
    [part('filename=a'), refused],
    [named("a; name*=UTF-8''b"), refused],
    [named('"=?utf-8?q?a?="'), refused],
    [named('"a"', '/x y&z;=+'), ['name a', 'value /x y%26z%3B%3D%2B']],
    [named('"a"', ' [1] '), ['name a', 'value  [1]']],
    [named('"a"', 'x/'), ['name a']],
    [named('"a"', ''), ['name a']],
    [named('"a"\n\r\n'), refused],
    [named('"a"\rb'), refused],
    [named('"a"', 'x--B'), refused],
    [named('"a"', 'x\n--B'), refused],
    [named('"a"', 'x\r\n--Bx'), refused],
    [named('"a"', 'x\r\n--B \r\n'), refused],
    [named('"a"', 'x--"B"'), refused],
    [named('"a"', 'x\r\n--A\r\n-B'), ['name a']],
    [`${named('"a"')}\n\r `, ['name a']],
    [`${named('"a"')}x`, ['name a', 'request_malformed']],
    [one(disposition('"a"')), ['name a', 'request_malformed']],
    ['--B\r\nContent-Disposition: form-data; name="_method"', refused],
    ['--B--\n', []],
    ['\r\n--B--', []],
    ['\n--B--', refused],
    ['preamble\r\n--B--', refused],
    ['--B-', refused],
    ['--B', refused],
    ['', refused],
    ['-B\r\nname="a"\r\n\r\n1', refused],
    ['---B\r\nname="a"\r\n\r\n1', refused],
    [named(`"${x(4096)}"`), ['name xxxxxxx… 4101']],
    [named(`"${x(4097)}"`), refused],
    [part(`X: ${x(8184)}`), []],
    [part(`X: ${x(8190)}`), refused],
    [`--B\r\nX: ${x(8200)}`, refused],
    [named('"a"', `/${x(8188)}`), ['name a', 'value /xxxxx… 8195']],
    [named('"a"', `/${x(8189)}`), ['name a', 'long value of 8190']],
  ])('%j', (body, seen) => {
    const found = watch(body)
    // An error may be thrown before or after the names of earlier parts.
    expect(seen.at(-1) === 'request_malformed' ? found.at(-1) : found).toEqual(
      seen.at(-1) === 'request_malformed' ? 'request_malformed' : seen,
    )
  })
})

describe('requireBoundary', () => {
  const found = (type: string) => {
    try {
      return requireBoundary(type)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const refused = 'request_malformed'
  it.each<[string, string]>([
    ['multipart/form-data; boundary=a', 'a'],
    ['multipart/form-data;boundary="a.b"', 'a.b'],
    ['multipart/form-data;boundary="a b"', refused],
    ['multipart/form-data;boundary="a=b"', refused],
    ['multipart/form-data; Boundary=a; charset=utf-8', 'a'],
    ['multipart/form-data; boundary=a ', refused],
    ["multipart/form-data; boundary='a'", refused],
    ['multipart/form-data; boundary="a', refused],
    ['multipart/form-data; boundary=WebKitFormBoundary', 'WebKitFormBoundary'],
    [`multipart/form-data; boundary=${x(70)}`, x(70)],
    [`multipart/form-data; boundary="${x(70)}"`, x(70)],
    [`multipart/form-data; boundary=${x(71)}`, refused],
    [`multipart/form-data; boundary="${x(71)}"`, refused],
    ['multipart/form-data', refused],
    ['multipart/form-data; boundary=', refused],
    ['multipart/form-data; boundary=""', refused],
    ['multipart/form-data; boundary="a "', refused],
    ['multipart/form-data; boundary=a b', refused],
    ['multipart/form-data; boundary=a(b', refused],
    ['multipart/form-data; boundary=a; boundary=b', refused],
    ["multipart/form-data; boundary=a; boundary*=UTF-8''b", refused],
    ['multipart/form-data; x=boundary; boundary=a', refused],
    ['multipart/form-data boundary=a', refused],
    ['multipart/boundary; boundary=a', refused],
  ])('%s: %s', (type, boundary) => {
    expect(found(type)).toBe(boundary)
  })
})
