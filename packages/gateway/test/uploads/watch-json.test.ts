import { describe, expect, it } from 'vitest'
import { isJsonStart, watchMembers, watchPossibleMembers } from '../../src/uploads/watch-json.js'
import { watched } from './recording-check.js'

const wide = (text: string) => Array.from(text).join('\0')
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
    ['{"http_method":"get" "put"}', ['member http_method: get']],
    ['"http_method":"put"', []],
    ['"url":"/a"', []],
    ['[{"url":"/a"}]', ['url /a']],
    ['[{"\\u0075rl":"\\/a"}]', ['url /a']],
    ['{"r":[{},{"relative_url":"/a","x":"/b"}]}', ['url /a']],
    ['[[{"uri":"/x"}]]', ['url /x']],
    ['[{"a":[{"path":"/b"}],"url":"/c"}]', ['url /b', 'url /c']],
    ['[{"url":"/a":"/b"}]', ['url /a']],
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
  const watch = (body: string, starts = '{[/#') => watched((fields) => watchPossibleMembers(starts, fields), body)

  it.each<[string, string[]]>([
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
    [`${wide('{"http_method":"put"}')}\0`, ['member http_method: put']],
    [`\0${wide('{"_method":1}')}`, ['request_malformed']],
    ['\0\0{"http_method":"put"}', []],
  ])('%s', (body, seen) => {
    expect(watch(body)).toEqual(seen)
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
  })
})

it.each<[string, boolean | undefined]>([
  ['{', true],
  ['[', true],
  [' \t\u00a0[', true],
  ['\u00ef\u00bb\u00bf{', true],
  ['\u00fe\u00ff{', true],
  ['\0{', true],
  ['', undefined],
  [' \r\n', undefined],
  ['x{', false],
  ['!{', false],
  ['"a"', false],
])('whether %j starts JSON: %s', (start, expected) => {
  expect(isJsonStart(Buffer.from(start, 'latin1'))).toBe(expected)
})
