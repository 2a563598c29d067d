import { describe, expect, it } from 'vitest'
import { isJsonStart, watchMembers, watchPossibleMembers } from '../../src/uploads/watch-json.js'
import { watched } from './recording-check.js'

const wide = (text: string) => Array.from(text).join('\0')
const utf16 = (text: string) => Buffer.from(text, 'utf16le')
const utf32 = (text: string) =>
  Buffer.from(Uint32Array.from(Array.from(text), (letter) => letter.codePointAt(0) ?? 0).buffer)

/** JSON with characters one of whose bytes is a quotation mark: to a reader that skips the other bytes, `_method` is within an array. */
const hidden = '{"a":"\u2200,\u2200b\u2200:[[\u2200","_method":"put","c":"\u2200]],\u2200d\u2200:\u2200"}'
const misread = hidden.replaceAll('\u2200', '"')
const urlOf = (length: number) => `[{"url":"${'/'.repeat(length)}"}]`

describe('watchMembers', () => {
  it.each<[string, string[]]>([
    ['{"a":1,"b":[true,null]}', []],
    ['{"_method":"PUT"}', ['request_malformed']],
    ['{"a":{"_method":"PUT"}}', []],
    ['[{"_method":"PUT"}]', []],
    ['{"http_method":"put"}', ['member http_method: put']],
    ['{"http_method":"a\\"b\\\\"}', ['member http_method: a"b\\']],
    ['{"http_method":["put"],"b":"c"}', []],
    ['{"http_method":{"x":"y"},"z":"w"}', []],
    ['{"http_method":1,"b":"put"}', []],
    ['{"http_method":,"b":"c"}', []],
    ['{"a":"http_method","b":"put"}', []],
    ['{"http_method":"a","http_method":"b"}', ['member http_method: a', 'member http_method: b']],
    ['{"a":{"b":1},"c":[1,2],"http_method":"put"}', ['member http_method: put']],
    ['{"b":"\\\\","http_method":"x"}', ['member http_method: x']],
    ['{"a":1}{"http_method":"put"}', ['member http_method: put']],
    ['{"a":1}}]{"http_method":"put"}', ['member http_method: put']],
    ['{"":1,"http_method":"put"}', ['member http_method: put']],
    ['{"a\\"":"","http_method":"put"}', ['member http_method: put']],
    ['{"http_method":"get" "put"}', ['member http_method: get', 'request_malformed']],
    ['{"a":1\n"http_method":"put"}', ['request_malformed']],
    ['{"a":"b""http_method":"put"}', ['request_malformed']],
    ['{"a":{}"http_method":"put"}', ['request_malformed']],
    ['{"a":[]{"b":1},"http_method":"put"}', ['request_malformed']],
    ['{{"a":1},"http_method":"put"}', ['request_malformed']],
    ['{"a""http_method":"put"}', ['request_malformed']],
    ['{a":"b","http_method":"put"}', ['request_malformed']],
    ['["a" "b"]', ['request_malformed']],
    ["{a\":'b',http_method:'put'}", ['request_malformed']],
    ['{"a":[[],{},[{}],"b",1,{"c":[]}],"d":{"e":{}},"f":""}{"g":1}\n[1]"h"[]', []],
    ['"http_method":"put"', ['request_malformed']],
    ['"url":"/a"', ['request_malformed']],
    ['http:"put"', ['request_malformed']],
    ['{"http_\\\nmethod":"put"}', ['request_malformed']],
    ['{"http_\\0method":"put"}', ['request_malformed']],
    ['{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"}', []],
    ['{"http_method": put}', ['request_malformed']],
    ['{"http_method": put', ['request_malformed']],
    ['[{"url": admin}]', ['request_malformed']],
    ['{"http_method": true,"verb":false ,"tunnel":null\n,"override":-1.5e+3,"a_verb":NaN,"b_verb":-Infinity}', []],
    [`{"http_method":${'1'.repeat(100)}}`, []],
    ['{"a": put}', []],
    ['{"a":[}],"http_method":"put"}', ['request_malformed']],
    ['{"a":{],"http_method":"put"}', ['request_malformed']],
    ['{"__proto__":{"_method":"put"}}', ['request_malformed']],
    ['[{"__proto__":{"url":"/a"}}]', ['request_malformed']],
    ['{"a":{"__proto__":1},"__proto":1,"a__proto__":1}', []],
    ['[{"url":"/a"}]', ['url /a']],
    ['[{"\\u0075rl":"\\/a"}]', ['url /a']],
    ['{"r":[{},{"relative_url":"/a","x":"/b"}]}', ['url /a']],
    ['[[{"uri":"/x"}]]', ['url /x']],
    ['[{"a":[{"path":"/b"}],"url":"/c"}]', ['url /b', 'url /c']],
    ['[{"url":"/a":"/b"}]', ['url /a', 'request_malformed']],
    ['[{"url":,"b":"/c"}]', []],
    ['[{"url":5,"b":"/c"}]', []],
    ['[{"url":["/a"]}]', ['no certain url']],
    ['[{"url":{"a":"/b"}}]', []],
    ['[{"a":{"url":"/x"}}]', []],
    ['{"url":"/a"}', []],
    [urlOf(1023), ['url ////////… 1027']],
    [urlOf(1024), ['no certain url']],
    [`${'{"a":'.repeat(62)}{"url":"/a"}`, []],
    [`${'{"a":'.repeat(63)}{"url":"/a"}`, ['url /a']],
    [`${'['.repeat(62)}{"url":"/a"}`, ['url /a']],
    ['{"a":"x\0"}', ['media_type_unsupported']],
    ['{"a":1,/*c*/"b":2}', ['request_malformed']],
    ['{"a":1}#', ['request_malformed']],
    ["{'a':1}", ['request_malformed']],
    ['{a:1}', ['request_malformed']],
    ['[{a:1}]', ['request_malformed']],
    ['{"x":{a:1}}', []],
  ])('%s', (body, seen) => {
    expect(watched(watchMembers, body)).toEqual(seen)
  })

  it('looks only for names if there is nothing to check values with', () => {
    const watch = (body: string) => watched(() => watchMembers(), body)
    expect(watch('[{"url":"/a"}]')).toEqual([])
    expect(watch('[{a:"/a"}]')).toEqual([])
    expect(watch('{"http_method":"put"}')).toEqual([])
    expect(watch('{"_method":"put"}')).toEqual(['request_malformed'])
  })
})

describe('watchPossibleMembers', () => {
  const watch = (body: string | Uint8Array, starts = '{[/#') =>
    watched((fields) => watchPossibleMembers(starts, fields), body)

  it.each<[string | Uint8Array, string[]]>([
    ['', []],
    [' ', []],
    ['{', []],
    ['{"a":1}', []],
    ['  {"http_method":"put"}', ['member http_method: put']],
    ['x{"http_method":"put"}', []],
    ['/*x*/{"http_method":"put"}', ['member http_method: put', 'member http_method: PUT']],
    ['#c\n{"_method":"put"}', ['request_malformed']],
    ['{_method:1}', ['request_malformed']],
    ["{'_method':1", ['request_malformed']],
    ['{/**/http_method:put}', ['member http_method: PUT']],
    ["{'http_method':'put'}", ['member http_method: PUT']],
    ["{'http_method':'get':'put'}", ['member http_method: GET']],
    ["{'http_method':'put'", []],
    ["{'a':http_method,b:put}", []],
    ["{'a b method':'put'}", ['member a b method: PUT']],
    ["[{'http_method':'put'}]", []],
    ["{'_method'/*,*/:'PUT'}", ['request_malformed']],
    ["{'_method'/*,a*/:'PUT'}", ['request_malformed']],
    ["{'http_method'/*:*/:'put'}", ['member http_method: PUT']],
    ["{'http_method'/*{a,b}*/:'put'}", ['member http_method: PUT']],
    ["{'http_method'://,\n'put'}", ['member http_method: PUT']],
    ["{'http_method':/*,*/'put'}", ['member http_method: PUT']],
    ["{'http_method'#,\n:'put'}", ['member http_method: PUT']],
    ["{a:'//','_method'/*\n,*/:1}", ['request_malformed']],
    [`{'_method'/*${'x'.repeat(9000)},*/:'PUT'}`, ['request_malformed']],
    [`{/*${'x'.repeat(4090)}*/'_method'/*${'x'.repeat(9000)}*/:'PUT'}`, ['request_malformed']],
    ["{'http_method':'a'/*,*/,b:'put'}", []],
    [`{_method${' '.repeat(5000)}:'PUT'}`, ['request_malformed']],
    [`{http_method${' '.repeat(5000)}:'put'}`, ['member http_method: PUT']],
    [`{http_method/*${'x'.repeat(5000)}*/:'put'}`, ['member http_method: PUT']],
    [`{http_method:'put'${' '.repeat(5000)}}`, ['member http_method: PUT']],
    [`{http_method:'put'/*${'x'.repeat(9000)}*/}`, ['member http_method: PUT']],
    [`{http_method:/*${'x'.repeat(9000)},*/'put'}`, ['member http_method: PUT']],
    [`{http_method:${' '.repeat(4223)}/*,*/'put'}`, ['member http_method: PUT']],
    ["{'_met\\\nhod':1}", ['request_malformed']],
    ["{http_method:'p\\\r\nut'}", ['member http_method: PUT']],
    ["{'_met\\\xe2\x80\xa8hod':1}", ['request_malformed']],
    ["{//x\rhttp_method:'put'}", ['member http_method: PUT']],
    ['{//x\xe2\x80\xa9_method:1}', ['request_malformed']],
    ["{_method='PUT'}", ['request_malformed']],
    ['{http_method=>put}', ['member http_method: PUT']],
    ['{a:1;http_method:put}', ['member http_method: PUT']],
    ["{url:'/a';http_method='put'}", ['member http_method: PUT', "url /a';http_method='put"]],
    ["{'http_method'/*method*/:'put'}", ['member http_method: PUT']],
    ["{'http_method':/*method,*/'put'}", ['member http_method: PUT']],
    ["{'method':'put'}", ['member method: PUT']],
    ["{url:'/a';_method='PUT'}", ['request_malformed']],
    [`{a:'${'x'.repeat(5000)}"_method"${'x'.repeat(5000)}',b:'put'}`, []],
    ["[{url='/a'}]", ['url /a']],
    ["[{a:1;url:'/a?b=c'}]", ['url /a?b=c']],
    ["[{//x\rurl:'/a'}", ['no certain url']],
    ["{'a':1/*,*/}", []],
    ["[{'url'/*,*/:'/a'}]", ['no certain url', 'url /a']],
    ["[{'url'/*:*/:'/a'}]", ['no certain url', 'url /a']],
    ["[{url:http://x/a,b:'c'}]", ['url http', 'url //x/a']],
    ["[{'url':'/a#b','c':'/d'}]", ['url /a#b']],
    ["{'url':'/a'}", ['url /a']],
    ["{'a':1}", []],
    ['[{\'url\':"/a"}]', ['url /a']],
    ["[{'a':1,'path':'x y'}]", ['url x y']],
    ["['url':'x'", []],
    ["[{'url':http://x/a}]", ['url http', 'url //x/a']],
    ['[//c\n{url:/a}]', ['url /a']],
    ['[{url:"/*x*/ /a"}]', ['url /a']],
    ['[{url: "/a" /*z*/}]', ['url /a']],
    ["[{'url':/*a*/'/a'/*b*/}]", ['url /a']],
    ["[{'url':\"'`/a b`'\"}]", ['url /a b']],
    ["[{'url':''}]", ['url ']],
    ['[{#\nurl:["/a"]}]', ['no certain url']],
    ['[{url:/*}', ['no certain url']],
    ["[{'url':# x\n'/a'}]", ['no certain url']],
    [`[{'url':'${'/'.repeat(4093)}'}]`, ['url ////////… 4097']],
    [`[{'url':'${'/'.repeat(4094)}'}]`, ['no certain url']],
    [`${wide('{"http_method":"put"}')}\0`, ['member http_method: put', 'member http_method: put']],
    [`\0${wide('{"_method":1}')}`, ['request_malformed']],
    ['\0\0{"http_method":"put"}', ['member http_method: put']],
    ['{"a":1\n"http_method":"put"}', ['member http_method: PUT']],
    ["{a:1\nhttp_method:'put'}", ['member http_method: PUT']],
    ['{a":"b","http_method":"put"}', ['member http_method: PUT']],
    ["[{url\xef\xbb\xbf:'/a'}]", ['url /a']],
    ["[{url\xc2\xa0:\xef\xbb\xbf'/a'\xef\xbb\xbf}]", ['url /a']],
    ["[{url\0:'/a'}]", ['url /a']],
    ["{'url':'a';_method='PUT'}", ['request_malformed']],
    ["[{url:'/a''b':'c'}]", ["url /a''b", 'url /a', 'url c']],
    ["[{url:'/\\'a' b:1}]", ["url /'a' b", "url /'a", 'url 1']],
    ["{http_method:'put\xe3\x80\x80'}", ['member http_method: PUT']],
    ['{"http_\\\nmethod":"put"}', ['member http_\nmethod: put', 'member http_method: PUT']],
    ['{"_met\\\nhod":"put"}', ['request_malformed']],
    ['{"http_method": put}', ['member http_method: PUT']],
    ['{"a":[}],"http_method":"put"}', ['member http_method: PUT']],
    ['{"__proto__":{"_method":"put"}}', ['request_malformed']],
    ["[{'__proto__':{url:'/a'}}]", ['url /a']],
    ['\xe3\x80\x80\xe2\x80\xa8\xc2\xa0{"_method":"put"}', ['request_malformed']],
    [misread, []],
    [utf16(hidden), ['request_malformed']],
    [utf16(`\ufeff${hidden}`), ['request_malformed']],
    [utf16(`\ufeff ${hidden}`).swap16(), ['request_malformed']],
    [utf16(hidden).swap16(), ['request_malformed']],
    [utf32(hidden), ['request_malformed']],
    [utf32(`\ufeff ${hidden}`), ['request_malformed']],
    [utf32(hidden).swap32(), ['request_malformed']],
    [utf32(`\ufeff${hidden}`).swap32(), ['request_malformed']],
    [utf32(hidden.replaceAll('\u2200', '\u{10022}')), ['request_malformed']],
    [utf16('{"a":"\u2200\ud83d\ude00","b":{"c":1}}'), []],
  ])('%s', (body, seen) => {
    expect(watch(body)).toEqual(seen)
  })

  it('reads UTF-16 in either byte order', () => {
    const body = utf16('[{"url":"/a/\u2201"}]')
    expect(watch(body)).toContain('url /a/\xe2\x88\x81')
    expect(watch(body.swap16())).toContain('url /a/\xe2\x88\x81')
  })

  it('takes a comment for the start of JSON only if it may be one', () => {
    expect(watch("#{'http_method':'put'}", '{[')).toEqual([])
    expect(watch('{"http_method":"put"}', '{[')).toEqual(['member http_method: put'])
  })

  it('hands over at most 101 URLs of nonstandard JSON, since that is more than are accepted', () => {
    const urls = Array.from({ length: 150 }, (_, at) => `{url:/${at}}`)
    const watch = (fields: Parameters<typeof watchPossibleMembers>[1]) => watchPossibleMembers('[', fields)
    const seen: string[] = []
    const fields = { url: (url: string | undefined) => void seen.push(String(url)) } as never
    watch(fields).push(Buffer.from(`[${urls.join()}]`))
    expect(seen.length).toBe(101)
    seen.length = 0
    watch(fields).push(Buffer.from(`[{url:''},${urls.join()}]`))
    expect(seen.filter((url) => url !== '').length).toBe(101)
  })

  it('hands over a method with any name but `method`, which may be a procedure', () => {
    const seen: string[] = []
    const fields = { named: (name: string, value: string) => void seen.push(`${name}: ${value}`) } as never
    watchPossibleMembers('{', fields).push(Buffer.from("{http_method:'put',method:'put'}"))
    watchPossibleMembers('{', fields).push(Buffer.from("{method:'put'}"))
    expect(seen).toEqual(['http_method: PUT', 'method: PUT'])
  })

  it('reads a long comment only once, even if it arrives in short chunks', () => {
    const odd = watchPossibleMembers('{')
    odd.push(Buffer.from('{/*'))
    const start = performance.now()
    for (let at = 0; at < 20_000; at++) odd.push(Buffer.from(at % 2 === 0 ? 'a' : '/'))
    expect(performance.now() - start).toBeLessThan(500)
  })
})

it.each<[string, boolean | undefined]>([
  ['{', true],
  ['[', true],
  [' \t\u00a0[', true],
  ['\u00ef\u00bb\u00bf{', true],
  ['\u00fe\u00ff{', true],
  ['\u00e3\u0080\u0080{', true],
  ['\u00e4{', false],
  ['\0{', true],
  ['', undefined],
  [' \r\n', undefined],
  ['x{', false],
  ['!{', false],
  ['"a"', false],
])('whether %j starts JSON: %s', (start, expected) => {
  expect(isJsonStart(Buffer.from(start, 'latin1'))).toBe(expected)
})
