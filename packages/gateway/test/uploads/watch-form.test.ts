import { describe, expect, it } from 'vitest'
import { requireBoundary, watchParameters, watchParts } from '../../src/uploads/watch-form.js'
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
    [`next=/${x(8190)}`, ['name next', 'value /xxxxx… 8197']],
    [`next=/${x(8191)}`, ['name next', 'long value of 8192']],
  ])('%s', (body, seen) => {
    expect(watched(watchParameters, body)).toEqual(seen)
  })
})

describe('watchParts', () => {
  const part = (head: string, content = '1') => `--B\r\n${head}\r\n\r\n${content}\r\n--B--\r\n`
  const named = (name: string, content?: string) => part(`Content-Disposition: form-data; name=${name}`, content)
  /** Most heads are read in two ways, which usually agree. */
  const watch = (body: string) => [...new Set(watched((fields) => watchParts('B', fields), body))]

  it.each<[string, string[]]>([
    [named('"a"'), ['name a']],
    [named('a'), ['name ', 'name a']],
    [named("'a'"), ['name a']],
    [named('"a\\"b"'), ['name a"b', 'name ab']],
    [named('"_method"'), ['request_malformed']],
    [named('_method'), ['request_malformed']],
    [named('"rest_route"'), ['request_malformed']],
    [named('"a" _method'), ['name a', 'name a _method', 'field a _method: 1']],
    [named('"http_method"', 'put'), ['name http_method', 'field http_method: put']],
    [named('"http_method"', 'put') + named('"b"', 'get'), ['name http_method', 'field http_method: put', 'name b']],
    [named('a; filename="b"; name=c'), ['name ', 'name a', 'name c']],
    [named('"a"\r\nContent-Type: text/plain; name="b"'), ['name a', 'name b']],
    [part('Content-ID: <a>'), ['name ', 'name a>']],
    [part('Content-Id : a'), ['name ', 'name a']],
    [part('X-Content-ID: a'), []],
    [part('filename=a'), []],
    [named("a; name*=UTF-8''b"), ['request_malformed']],
    [named('a; name*0*=b'), ['request_malformed']],
    [named('"=?utf-8?q?a?="'), ['request_malformed']],
    [named('"a"', '/x y&z;=+'), ['name a', 'value /x y%26z%3B%3D%2B']],
    [named('"a"', ' [1] '), ['name a', 'value  [1]']],
    [named('"a"', 'x/'), ['name a']],
    [named('"a"\n\r\n'), ['request_malformed']],
    [named('"a"\rb'), ['request_malformed']],
    ['--B\r\nContent-Disposition: form-data; name="_method"', ['request_malformed']],
    ['--B\r\nContent-Disposition: form-data; name="a"\r', ['request_malformed']],
    ['--B\r\nContent-Disposition: form-data; name="a"\n', ['request_malformed']],
    ['--B--\n', []],
    ['preamble\n--B\r\nname=a\r\n\r\n/x', ['name ', 'name a', 'value /x']],
    [part('name=a;'.repeat(16)), ['name ', 'name a']],
    [part('name=a;'.repeat(17)), ['request_malformed']],
    [part(`name="${x(4094)}"`), ['name xxxxxxx… 4099']],
    [part(`name="${x(4095)}"`), ['request_malformed']],
    [part(`X: ${x(8184)}`), []],
    [part(`X: ${x(8188)}`), ['request_malformed']],
    [`--B\r\nX: ${x(8200)}`, ['request_malformed']],
    [named('"a"', `/${x(8188)}`), ['name a', 'value /xxxxx… 8195']],
    [named('"a"', `/${x(8189)}`), ['name a', 'long value of 8190']],
    ['-B\r\nname="_method"\r\n\r\n1', []],
    ['---B\r\nname="_method"\r\n\r\n1', ['request_malformed']],
  ])('%j', (body, seen) => {
    expect(watch(body)).toEqual(seen)
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
    ['multipart/form-data;boundary="a b"', 'a b'],
    ['multipart/form-data; Boundary=a; charset=utf-8', 'a'],
    ['multipart/form-data; boundary=a ', 'a'],
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
