import { describe, expect, it } from 'vitest'
import { createStartFinder, watchAnyType } from '../../src/bodies/watch-text.js'
import { watched } from './recording-check.js'

const refused = ['request_malformed']

describe('createStartFinder', () => {
  it.each<[string, number | undefined]>([
    ['{', 0],
    [' \t\xa0[', 3],
    ['\xef\xbb\xbf{', 3],
    ['\0{', 1],
    ['({', 1],
    [")]}',\n[", 0 + 6],
    ['/**/{', 4],
    ['/*{*/ [', 6],
    ['/*/{*/[', 6],
    ['//{\n{', 4],
    ['#a\r{', 3],
    ['#a\xe2\x80\xa8 {', 6],
    ['#a\r b\n{', 6],
    ['#\n//\n/*\n*/{', 10],
    ['/ {', 2],
    ['/\0*\0*\0/\0{', 8],
    ['', -1],
    [' \r\n', -1],
    ['/* {', -1],
    ['# {', 2],
    ['# a {', -1],
    ['#\r[', 2],
    ['# \x85 \xa8 {', 6],
    ['#\r\n\n{', 4],
    ['#a\r\n{', 4],
    ['//a\x85{', 4],
    ['//a\xa9 {', 5],
    ['//a\xaa{', -1],
    ['#a\r b{', -1],
    ['x{', undefined],
    ['\xc3\xa4{', undefined],
    ['"a"{', undefined],
    ['//\nx{', undefined],
  ])('%j: %s', (start, expected) => {
    const body = Buffer.from(start, 'latin1')
    expect(createStartFinder().find(body)).toBe(expected)
    const { find } = createStartFinder()
    const found = [...body].map((byte) => find(Uint8Array.of(byte)))
    const at = found.findIndex((each) => each !== -1)
    expect(at === -1 ? -1 : found[at] === undefined ? undefined : at).toBe(expected)
  })
})

// G49
describe('watchAnyType', () => {
  const text = (body: string) => watched((fields) => watchAnyType(false, fields), body)
  const binary = (body: string) => watched((fields) => watchAnyType(true, fields), body)
  const odd = ['media_type_unsupported']

  it.each<[string, string[]]>([
    ['{"http_method":"put"}', ['member http_method: put']],
    [' \ufeff\0{"http_method":"put"}'.replace('\ufeff', '\xef\xbb\xbf'), ['member http_method: put']],
    ['/*x*/{"http_method":"put"}', ['member http_method: put', ...odd]],
    ['/*x*/{"a":1}', []],
    ['#c\n{"_method":"put"}', refused],
    ['x{"http_method":"put"}', []],
    ['#{"http_method":"put"}', ['member http_method: put', ...odd]],
    ['#[\n{"_method":"DELETE"}', odd],
    ['# [\n{_method: DELETE}', odd],
    ['<!--[\n{_method: DELETE}', odd],
    ['//\r{"a":\n{"_method":"DELETE"}}', odd],
    ['# [1.0.0]\n{a: b}', []],
    ['//\r[\n{"_method":"DELETE"}', odd],
    ['//\xe2\x80\xa8[\n{_method:"DELETE"}', odd],
    ['#\r[\n{_method: DELETE\n}', odd],
    ['# [1.0.0]\nmethod', []],
    ['{"a":1', []],
    ['{"method":1', odd],
    ["{'a':1}", []],
    ["{'a':method}", odd],
    ['{a:"\\x"}', odd],
    ['{a:me--th od}', odd],
    ['{a:MeTHOD}', odd],
    ['{a:me@thod, b: LDSGNC}', odd],
    ['{a:LDSGNC}', []],
    ['{a:proto}', odd],
    ['{a:prototype}', []],
    ['{a:verb}', odd],
    ['{a:verbatim, b: ver b}', []],
    ['{a:x-request-ur:1,l}', odd],
    ['{a:during,curl:[url2, path]}', odd],
    ['{a:during,curl:[empathy]}', []],
    ['{a:url}', []],
    ['[a, url]', []],
    ['[{a: url}]', odd],
    ['[{a: "\\"}]', odd],
    ['[{a: method}]', []],
    ['{a:\0}', odd],
    [`{a:${' '.repeat(8187)}verb}`, odd],
    [`{a:${' '.repeat(8187)}proto}`, odd],
    [`{a:${' '.repeat(8187)}prototype}`, []],
  ])('%j', (body, seen) => {
    expect(text(body)).toEqual(seen)
    expect(text(`${body}${' '.repeat(9000)}`)).toEqual(seen)
  })

  it.each(['method', 'verb', 'url'])('finds %s at the end of what is searched at a time', (name) => {
    for (let length = 8170; length < 8200; length++) {
      const watch = watchAnyType(false, { isData: false, mayNest: () => true } as never)
      expect(() => {
        watch.push(Buffer.from(`{[a:${' '.repeat(length)}${name}`))
        watch.push(Buffer.from(`${' '.repeat(9000)}`))
        watch.end()
      }, String(length)).toThrow('starts like JSON')
    }
  })

  it('stops at the first byte of a binary body that is not JSON', () => {
    expect(binary('{"a":1,"http_method":"put"}')).toEqual(['member http_method: put'])
    expect(binary('{a:1,"http_method":"put"}')).toEqual([])
    expect(binary('{"a":1e999}')).toEqual(refused)
    expect(binary('[\0[\0')).toEqual(odd)
    expect(binary('{\0\0\0"\0\0\0')).toEqual(odd)
    expect(binary('{\0\0\0\x01\0')).toEqual([])
  })

  it('refuses names only as the route requires', () => {
    const of = (isData: boolean, mayNest: boolean) => (body: string) => {
      const watch = watchAnyType(false, { isData, mayNest: () => mayNest } as never)
      watch.push(Buffer.from(body))
      watch.end()
    }
    expect(() => of(false, false)('[{url:1}]')).not.toThrow()
    expect(() => of(false, true)('[{url:1}]')).toThrow('“url”')
    expect(() => of(false, false)('{method}')).toThrow('“method”')
    expect(() => of(true, true)('{method:[url]}')).not.toThrow()
  })
})
