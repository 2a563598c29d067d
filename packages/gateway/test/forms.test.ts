import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, inflateRawSync } from 'node:zlib'
import type { Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { exchange, message, openGateway, statusOf } from './gateway-stage.js'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const multipart = 'multipart/form-data; boundary=b-1'
const part = (head: string, boundary = 'b-1') => `--${boundary}\r\n${head}\r\n\r\nDELETE\r\n--${boundary}--\r\n`
const field = (rest: string) => part(`Content-Disposition: form-data; ${rest}`)
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

/** A body in gzip whose first half contains only the first text, and whose end expands to several thousand bytes. */
function slowlyUnpacked(first: string, second: string): Buffer {
  const stored = (text: string) => Buffer.from([0, text.length, 0, ~text.length, 0xff, ...Buffer.from(text)])
  const empty = Array.from({ length: 80 }, () => stored(''))
  const start = gzipSync('').subarray(0, 10)
  return Buffer.concat([
    start,
    stored(first),
    ...empty,
    stored(second),
    ...empty.slice(60),
    deflateRawSync('x'.repeat(9000)),
  ])
}

/** Sends a body in one piece and byte by byte, unsigned, and returns both statuses and the requests that arrived. */
async function send(type: string, body: string | Uint8Array, coding?: string, routes?: Route[]) {
  const { port, arrived } = await openGateway(routes && { routes })
  const head = ['POST /open/form HTTP/1.1', 'Host: api.example']
  if (type !== '') head.push(`Content-Type: ${type}`)
  if (coding !== undefined) head.push(`Content-Encoding: ${coding}`)
  const bytes = Buffer.from(body)
  const whole = await exchange(port, [message([...head, `Content-Length: ${bytes.length}`]), bytes])
  const chunks = [...bytes.subarray(0, 3000)].map((byte) =>
    Buffer.from(`1\r\n${String.fromCharCode(byte)}\r\n`, 'latin1'),
  )
  const last = `${(bytes.length - 3000).toString(16)}\r\n`
  if (bytes.length > 3000) chunks.push(Buffer.from(last), bytes.subarray(3000), Buffer.from('\r\n'))
  const chunked = await exchange(port, [message([...head, 'Transfer-Encoding: chunked']), ...chunks, '0\r\n\r\n'])
  return { statuses: [statusOf(whole), statusOf(chunked)], bodies: arrived.map((request) => request.body) }
}

// G02
describe('rejects a body that names another method or path', () => {
  it.each([
    [form, '_method=DELETE'],
    [form, 'a=1;_method=DELETE'],
    [form, 'a=1&.method=DELETE'],
    [form, '+_method=DELETE'],
    [form, '%20_method=DELETE'],
    [form, '_method%00x=DELETE'],
    [form, '%5B_method%5D=DELETE'],
    [form, '[_method]=DELETE'],
    [form, 'x-original-url=/admin'],
    [form, `a=${'x'.repeat(1_100_000)}&_method=DELETE`],
    [form, `${' '.repeat(100_000)}_method=DELETE`],
    [form, `${'+%20%0a'.repeat(15_000)}_method=DELETE`],
    [form, `_method%00${'x'.repeat(5000)}=DELETE`],
    [form, `_method[${'x'.repeat(5000)}]=DELETE`],
    [`${form}; charset=iso-8859-1`, '_method=DELETE'],
    [form, 'a=1&%u005fmethod=DELETE'],
    [form, '%u0058-HTTP-Method-Override=DELETE'],
    [`text/plain, ${form}`, '_method=DELETE'],
    ['', '_method=DELETE'],
    ['', 'a=1&_method=DELETE'],
    [form, '_method.x=DELETE'],
    [form, '__proto__[x]=DELETE'],
    [form, '__proto__.x=DELETE'],
    [form, 'rest_route=/wp/v2/users'],
    [form, 'a=1&rest.route=/wp/v2/users'],
    [form, 'rest+route=x'],
    [form, 'rest[route=x'],
    [form, '%20REST%5fROUTE[]=x'],
    [form, 'rest%255Froute%00=x'],
    ['text/plain; a=urlencoded', 'rest_route=x'],
  ])('as a form: %s %.40s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    [json, '{"_method":"DELETE"}'],
    [json, '\ufeff{"_method":"DELETE"}'],
    [json, '{"a":{"b":[1,"]\\"}"]},"\\u005fmethod" : "DELETE"}'],
    [json, '{"X-HTTP-Method-Override":"DELETE"}'],
    [json, '{"a":":","x_original_url":"/admin"}'],
    [json, '{".method":"DELETE"}'],
    [json, `{"a":"${'x'.repeat(1_100_000)}","\\u005fmethod":"DELETE"}`],
    [json, '{"a":[],"_method":"DELETE"} and more'],
    [json, '{/* " */"_method":"DELETE"}'],
    [json, '{// "\n"_method":"DELETE"}'],
    [json, '{#"\n"_method":"DELETE"}'],
    [json, '{"a":1,\'_method\':"DELETE"}'],
    [json, '{_method:"DELETE"}'],
    [json, '{xHttpMethodOverride:"DELETE"}'],
    [json, '{"\\x5fmethod":"DELETE"}'],
    ['text/plain; a=b, application/json', '{"_method":"DELETE"}'],
    ['text/json', '{"_method":"DELETE"}'],
    ['application/vnd.api+json', '{"_METHOD":"DELETE"}'],
    [json, '{"__proto__":{"_method":"DELETE"}}'],
    [json, '{"_met\\\nhod":"DELETE"}'],
    [json, '"_method":"DELETE"'],
    [json, '{"a":1\n"_method":"DELETE"}'],
    [json, '{"a": 1e999, "b": {\n"_method": "DELETE",\n"c": 1e999}\n}'],
    [json, '{"a": NaN, "b": {\n"_method": "DELETE"\n}}'],
    [json, '{"a": 1,}'],
    [json, '{"a": 1'],
  ])('as JSON: %s %.40s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    'name="_method"',
    'name=_method',
    'name=_method; x=y',
    "name='_method'",
    'name=".method"',
    'name="[_method]"',
    'name="\\_method"',
    'name="_met\\hod"',
    'name="%5Fmethod"',
    'name="%u005Fmethod"',
    'name="a name="_method"',
    'name=name="_method"',
    'filename="name="; name="_method"',
    `x="${'name= '.repeat(17)}"`,
    `name="${'a'.repeat(5000)}"`,
    'name=""_method""',
    "name*=utf-8''_method",
    'name*0="_me"; name*1="thod"',
    'name="=?utf-8?q?=5Fmethod?="',
    'name="X-HTTP-Method-Override"',
    'name="rest_route"',
    "name='rest.route'",
    'name=rest%5Froute',
    `x="${'a'.repeat(250)}"; name="_method"`,
    'filename="x"; name="a"; name="_method"',
    'a="b"name="_method"',
    '\r\n name="_method"',
    '\r\n\tname\r\n =\r\n "_method"',
    'a\n\nContent-Disposition: form-data; name="_method"',
    'NAME="_method"',
    'filename="a"\r\nContent-ID: _method',
    'filename="a"\r\nContent-Id:<_method>',
    'filename="a"\r\ncontent-id :\r\n "_method"',
  ])('as a part: %.60s', async (rest) => {
    expect(await send(multipart, field(rest))).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    ['multipart/mixed; boundary=b-1', field('name="_method"')],
    ['multipart/form-data; boundary="b-1"', field('name="_method"')],
    ['multipart/form-data; boundary="b-1"', part('Content-Disposition: form-data; name="_method"', '"b-1"')],
    ['multipart/form-data; boundary=b-1; boundary=b', field('name="a"')],
    ['multipart/form-data; boundary=b=1', field('name="a"')],
    ['multipart/form-data; boundary="b;1"', field('name="a"')],
    ['multipart/form-data; boundary="b=1"', part('Content-Disposition: form-data; name="a"', 'b=1')],
    ['multipart/form-data; boundary="b 1"', part('Content-Disposition: form-data; name="a"', 'b 1')],
    ["multipart/form-data; boundary='b-1'", part('Content-Disposition: form-data; name="a"', "'b-1'")],
    ['multipart/form-data; boundary="b-1"', field('name="a"').replace('DELETE', 'x\r\n--"b-1"\r\nname=a')],
    [multipart, `x${field('name="a"')}`],
    [multipart, `${field('name="a"')}x`],
    [multipart, field('name="a"').replace('--\r\n', '')],
    [multipart, field('name="a"').replace('DELETE', 'x--b-1')],
    [multipart, field('name="a"').replace('DELETE', 'x\r\n--b-1x')],
    [multipart, field('name="a"; name="b"')],
    [multipart, field('name="a"; filename="b"; filename="c"')],
    [multipart, field('name="a"\r\nContent-Disposition: form-data; name="b"')],
    [multipart, field('name="a"; filename="\\"; name=b"')],
    [multipart, field('name="a"\r\nX-Content-Disposition: form-data; name="_method"')],
    ['multipart/form-data; boundary="b-1 "', field('name="a"')],
    ['multipart/form-data; xboundary=b; boundary=b-1', field('name="a"')],
    ['multipart/form-data; a="boundary"; b=c; boundary=b-1', field('name="a"')],
    ['multipart/form-data; boundary=b-1; a="boundary=b"', field('name="a"')],
    ['multipart/form-data; boundary=b-1; BOUNDARY=b', field('name="a"')],
    ['multipart/form-data; boundary=b-1; boundary*=b', field('name="a"')],
    ['multipart/form-data; boundary*0=b; boundary=b-1', field('name="a"')],
    ['multipart/form-data', field('name="a"')],
    [multipart, `x${part(`Content-Type: text/plain\r\nX: ${'x'.repeat(20_000)}`)}`],
    [multipart, `--b-1\r\nContent-Disposition: form-data; name="a"\r\n\r\n${field('name="_method"')}`],
    [multipart, '--b-1\r\nContent-Disposition: form-data; name="_method"'],
    ...['\n', '\r', '\r\n\n', '\n\r\n'].map((end): [string, string] => [
      multipart,
      field('name="verb"').replaceAll('\r\n', end),
    ]),
    [multipart, `${field('name="a"')}x\n\nverb`],
  ])('by its boundary or the text around its parts: %s %.60s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [400, 400], bodies: [] })
  })
})

// G49
describe('rejects a body that names another method or path, even if only some servers parse it as JSON', () => {
  it.each([
    ['text/plain; a=/json', '{"_method":"DELETE"}'],
    ['text/plain; type="a/json"', '{"_method":"DELETE"}'],
    ['text/plain;\ta=b+JSON', ' \r\n\t{"_METHOD":"DELETE"}'],
    ['text/plain; a="b\\";/json', '\ufeff{"\\u005fmethod":"DELETE"}'],
    ['"application/json"', '{"a":{"b":["}"]},"_method":"DELETE"}'],
    ['image/png; name=x.json', '{"a":1,"_method":1,"_method":2}'],
    ['text/plain; a=application/json', '{"a":1,"x-original-url":"/admin"}'],
    ['text/plain; a=/json', '/* " */{"_method":"DELETE"}'],
    ['text/plain; a=/json', '#"\n{"a":{},"_method":"DELETE"}'],
    ['text/plain; a=/json', `{"a":"${'x'.repeat(1_100_000)}","_method":"DELETE"}`],
    ['', '{"_method":"DELETE"}'],
    ['text/plain; x=multipart; boundary=b-1', field('name="_method"')],
    ['text/plain', '{"_method":"DELETE","x":1}'],
    ['application/octet-stream', ' \n{"_method":"DELETE"}'],
    ['image/png', '\ufeff{"a":1,"x-original-url":"/admin"}'],
    ['text/plain', '\u3000{"_method":"DELETE"}'],
    ['application/octet-stream', '\0{"_method":"DELETE"}'],
    ['text/csv; charset=iso-8859-15', '{"_method":"DELETE"}'],
    ['text/plain', '({"_method":"DELETE"})'],
    [form, '{"a":1,"_method":"DELETE"}'],
    [multipart, '{"_method":"DELETE"}'],
  ])('%s %.40s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    ['text/plain; a=/json', gzipSync('{"_method":"DELETE"}'), 'gzip'],
    ['text/plain; a=/json; charset=utf-16le', utf16('{"_method":"DELETE"}'), undefined],
    ['text/plain; charset=utf-7; type="/json"', '{"+AF8-method":"DELETE"}', undefined],
    ['text/plain; charset=utf-7', '+AHs-"+AF8-method":"DELETE"}', undefined],
    ['application/octet-stream', gzipSync('{"_method":"DELETE"}'), 'gzip'],
    ['application/octet-stream', gzipSync(`{"a":"${'x'.repeat(9000)}","_method":"DELETE"}`), 'gzip'],
    ['application/octet-stream', gzipSync(utf16('{"_method":"DELETE"}')), 'gzip'],
    ['application/x-protobuf', gzipSync(`\n[${' '.repeat(9000)}{"url":"/a"}]`), 'gzip'],
    ['application/octet-stream', gzipSync(`${' '.repeat(9000)}{"_method":"DELETE"}`), 'gzip'],
    ['application/octet-stream', gzipSync('{\0"'), 'gzip'],
    ['text/plain', slowlyUnpacked('/', '*\nx*/{"_method":"DELETE"}'), 'gzip'],
    ['text/plain', deflateSync(' \n{"_method":"DELETE"}'), 'deflate'],
    ['text/plain', brotliCompressSync('\ufeff{"verb":"GET"}'), 'BR'],
    ['text/plain', gzipSync(`{"a":"${'x'.repeat(2_000_000)}","_method":"DELETE"}`), 'x-gzip'],
    ['text/plain', gzipSync(`${' '.repeat(3_000_000)}{"_method":"DELETE"}`), 'gzip'],
    ['text/plain', Buffer.concat([gzipSync(''), gzipSync('{"_method":"DELETE"}')]), 'gzip'],
    ['text/plain', 'not packed', 'gzip'],
    ['text/plain', brotliCompressSync(Buffer.alloc(2_000_000, ' ')), 'br'],
    ['text/plain', deflateSync(`${' '.repeat(5000)}a`), 'deflate'],
    ['text/plain', 'any', 'zstd'],
    ['text/plain', gzipSync('a'), 'gzip, gzip'],
    ['text/plain; charset="ibm037"', 'a', undefined],
    ...['u7', 'utf_7', 'unicode_escape', 'cp1140', 'iso-2022-jp', 'hz', ''].map(
      (charset): [string, string, undefined] => [`text/plain; charset=${charset}`, 'a', undefined],
    ),
    ['text/plain; charset*0=u; charset*1=7', 'a', undefined],
    ['text/plain; charset=Shift_JIS', ' {"a":"b"}', undefined],
    ['text/plain; charset=gbk', '[1]', undefined],
    ...['base64', 'quoted-printable', 'x'].map((coding): [string, string, undefined] => [
      multipart,
      field(`name="verb"\r\nContent-Transfer-Encoding: ${coding}`),
      undefined,
    ]),
    [multipart, field('name="verb"\r\nContent-Encoding: gzip'), undefined],
    [multipart, field('name="verb"\r\nContent-Type: text/plain; charset=u7'), undefined],
    [multipart, field('name="_charset_"').replace('DELETE', 'u7'), undefined],
  ])('as well as one that cannot be inspected: %s', async (type, body, coding) => {
    expect(await send(type, body, coding)).toEqual({ statuses: [415, 415], bodies: [] })
  })

  it('as well as one that is JSON unless it is decompressed, since many servers ignore Content-Encoding', async () => {
    const body = '{\n "":1,"_method":"DELETE"}'
    expect(inflateRawSync(body).toString('latin1')).toBe('\u00e5')
    expect(await send('text/plain', body, 'deflate')).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    ['application/octet-stream; name="x.json"', '{"a":"_method","b":{"_method":1}}'],
    ['application/octet-stream; name="x.json"', '{// a comment\n"a":\'b\',c:1}'],
    ['application/octet-stream; name="x.json"', '["_method",{"_method":1}]'],
    ['application/octet-stream; name="x.json"', '{'],
    ['text/plain; name="multipart.json"', 'some text, such as {"_method": 1}'],
    ['', '{"a":{"_method":1}}'],
    ['', "{'a':1}"],
    ['text/plain', '# notes on {"_method":"DELETE"}'],
    ['text/markdown', '/* {"_method":"DELETE"} */'],
    ['application/rtf', '{\\rtf1 {method: b}}'],
    ['text/plain; charset=utf-16le', '{"a":1}'],
    ['text/plain; charset=Shift_JIS', 'a,[1]'],
    [multipart, field('name="a"\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset="utf-8"')],
    [multipart, field('name="_charset_"').replace('DELETE', 'UTF-8')],
    ['application/octet-stream', '[{"_method":1}]'],
  ])('but accepts it otherwise: %s %.40s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})

// G49
describe('text that starts like JSON, is not valid JSON, and mentions a name that would matter', () => {
  const of: Route[] = [
    { method: 'POST', path: '/open/form', require: 'none' },
    { method: 'DELETE', path: '/open/form', require: 'identity' },
    { method: '*', path: '/rpc/secret', require: 'authorization', scope: 'events.read' },
  ]
  const odd: [string, string | Uint8Array][] = [
    ['text/plain; a=/json', '{/* " */"_method":"DELETE"}'],
    ['text/plain; a=/json', '{// "\n"_method":"DELETE"}'],
    ['text/plain; a=/json', "{'_method':'DELETE'}"],
    ['text/plain; a=/json', '{"a":1,_method:"DELETE"}'],
    ['text/plain; a=/json', '{xHttpMethodOverride:"DELETE"}'],
    ['x', '{_method:"DELETE"}'],
    ['text/plain', utf16('{"_method":"DELETE"}')],
    ['text/plain', utf16('\ufeff{"a":"\u2201","_method":"DELETE"}')],
    ['text/plain', utf16('{"_method":"DELETE"}').swap16()],
    ['text/plain', utf16('\ufeff {"_method":"DELETE"}').swap16()],
    ['text/plain', '[/*x*/{path:/rpc/secret}]'],
    ['text/plain', '{requests:[{"ur\\u006c":`/rpc/secret`}]}'],
    ['text/plain', '[{url:/rpc/sec\tret}]'],
    ['text/plain', `[{url:/${'./'.repeat(2100)}rpc/secret}]`],
    ['text/plain', '[{url:["/rpc/secret"]},]'],
    ['text/plain', '[{url:/*,*/"/rpc/secret"}]'],
    ['text/plain', '[{url:#,\n"/rpc/secret"}]'],
    ['text/csv', "[{url:'http://a/rpc/secret'}]"],
    ['application/octet-stream', utf16('{"verb":"DELETE"}')],
    ['text/plain', `{/* a */ ${"'verb' : 'DELETE'"}}`],
    ['text/plain', `{/* a */ ${'verb:/* b */"DELETE"'}}`],
    ['text/plain', `{/* a */ ${'a:{verb:DELETE}'}}`],
    ['text/plain', '\0/* a */{_method:"DELETE"}'],
    ['text/markdown', '# a\n\n{_method: DELETE}'],
    ['text/plain', '{"_met\\qhod":"DELETE"}'],
    ['text/plain', '{\\_method:"DELETE"'],
    ['text/plain', '{"a":1e5,"b" "x-original-url":1}'],
    ['text/plain', `{a:1${' '.repeat(8187)}_method:1}`],
    ['text/plain', `{a:1${' '.repeat(8187)}verb:1}`],
    ['text/plain', utf16('[1,{"a":"b"}]')],
    ['application/octet-stream', Buffer.from(Uint32Array.from(Buffer.from(' {"a":1}')).buffer)],
    [form, "{'_method':'DELETE'}"],
    ['', '{_method:"DELETE"}'],
  ]

  it.each(odd)('is rejected: %s %.40s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [415, 415], bodies: [] })
  })

  it.each([
    ['text/plain', '[INFO] 12:00 GET /path method=url\\'],
    ['text/markdown', '[x] buy milk at https://shop.example/path (my method, of course)'],
    ['text/markdown', '- [ ] a\\_b: the url'],
    ['text/html', '{{ title }} during security'],
    ['text/plain', '{% if path %}[1]{% endif %}'.replace('path', 'pathless')],
    ['text/markdown', '# A {"_method":"DELETE"}\n\nThe method.'],
    ['text/plain', 'A {"_method": "DELETE"}'],
    ['application/octet-stream', "{'_method':'DELETE'}"],
    ['image/png', '{\0\0\0method'],
    ['application/rtf', '{\\rtf1 method}'],
  ])('is accepted if it has no such name, or if its type is binary: %s %.40s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })

  it('is accepted if the route permits it', async () => {
    const permitted = of.map((route): Route => ({ ...route, mayNameMethod: true }))
    const body = '{{ title }} <form method="post">'
    expect(await send('text/html', body, undefined, permitted)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})

describe('rejects a form or JSON that cannot be inspected', () => {
  it.each([
    [json, gzipSync('{"_method":"DELETE"}'), 'gzip'],
    [json, deflateSync('{"_method":"DELETE"}'), 'deflate'],
    ['', gzipSync('_method=DELETE'), 'gzip'],
    [multipart, field('name="a"'), 'br'],
    [`${json}; charset=utf-16le`, utf16('{"_method":"DELETE"}'), undefined],
    [json, utf16('{"_method":"DELETE"}'), undefined],
    [`${form}; charset=utf-16le`, utf16('_method=DELETE'), undefined],
    [`${form}; charset=ibm037`, 'a=1', undefined],
    [`${form}; charset*=utf-16`, 'a=1', undefined],
  ])('%s', async (type, body, coding) => {
    expect(await send(type, body, coding)).toEqual({ statuses: [415, 415], bodies: [] })
  })
})

describe('accepts a body that only names its own fields', () => {
  it.each([
    [form, 'method=card&payment_method=x&method[]=a&a=_method'],
    [form, `a=${'x'.repeat(1_100_000)}`],
    [form, 'rest=1&route=2&restroute=3&rest_routes=4&my_rest_route=5&rest+of+the+route=6&a=rest_route'],
    [json, '{"jsonrpc":"2.0","method":"tools/call","params":{"_method":"x","a":["_method"]},"b":"_method"}'],
    [json, '["_method",{"_method":1}]'],
    [json, '"_method"'],
    [json, '{"a":"\\\\","b":"\\"_method\\":"}'],
    [`${json}; charset=utf-8`, '{"größe":"_method"}'],
    [multipart, field('name="method"')],
    [multipart, `${field('name="a"').trimEnd()}\n`],
    [multipart, field('name="file"; filename="_method.txt"')],
    [multipart, `--b-1\r\nContent-Disposition: form-data; name="a"\r\n\r\nname="_method"\r\n--b-1--\r\n`],
    ['text/plain', '_method=DELETE'],
    ['application/octet-stream; name=x.json', '\0'],
    ['', 'any bytes'],
    ['', 'a'.repeat(1_200_000)],
    ['', '%5f'.repeat(400_000)],
    [form, `{"a":"${'x'.repeat(1_200_000)}"}`],
  ])('%s %.60s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})

describe('accepts a compressed body that is not JSON', () => {
  const text = 'a,b\n'.repeat(400_000)
  it.each([
    ['text/csv', gzipSync(text), 'gzip'],
    ['text/csv', deflateSync(text), 'deflate'],
    ['text/csv', brotliCompressSync('a,b\n'.repeat(200_000)), 'br'],
    ['text/csv', deflateRawSync(text), 'deflate'],
    ['text/csv', brotliCompressSync(text.slice(0, 100_000)), 'br'],
    ['application/x-protobuf', gzipSync(`\n\x05${'x'.repeat(5000)}`), 'gzip'],
    ['application/x-protobuf', gzipSync(`\n{${'x'.repeat(5000)}`), 'gzip'],
    ['application/octet-stream', gzipSync(Buffer.alloc(5000)), 'gzip'],
    ['text/plain', '', 'gzip'],
  ])('%s %#', async (type, body, coding) => {
    expect((await send(type, body, coding)).statuses).toEqual([200, 200])
  })
})

/** URLs that servers resolve in different ways. */
const otherwiseRead = [
  '/rpc/sec\tret',
  '/rpc/sec\nret',
  '/rpc/sec\rret',
  '\u0001/rpc/secret',
  '\0/rpc/secret',
  '/rpc/secret\u0001',
  '/rpc/secret ',
  'http:/rpc/secret',
  'http:rpc/secret',
  'HTTPS:/rpc/secret',
  '///h/rpc/secret',
  'x:/rpc/secret',
  'x://h/rpc/secret',
  '//h/rpc/secret',
  '\\rpc/secret',
  '/x/..\\rpc\\secret',
  '//h\\rpc\\secret',
  '/x/../rpc/secret',
  '/x/%2e%2e/rpc/secret',
  '/rpc/%252e%252e/x',
  '/rpc%2fsecret',
  '/x//rpc/secret',
  '/x/1&/../../rpc/secret',
  '/rpc/secret;x=1',
  '/rpc/secret&x',
  '\ufeff/rpc/secret',
  '/rpc/secre\ud800',
  `/${'./'.repeat(600)}rpc/secret`,
  `http://${'u'.repeat(1100)}@h/rpc/secret`,
  'http://u:p@h/rpc/secret',
  'http://h:80/rpc/secret',
  '+x:/rpc/secret',
  '.x:/rpc/secret',
  'h:80/rpc/secret',
  'data:%20@/rpc/secret',
  'data:http:/rpc/secret',
]

// G54
describe('a body that may contain another request, which requires more', () => {
  const of: Route[] = [
    { method: 'POST', path: '/open/form', require: 'none' },
    { method: '*', path: '/rpc/secret', require: 'authorization', scope: 'events.read' },
  ]
  it.each([
    [form, 'a=1&_action=wipe'],
    [form, '_astroAction=wipe'],
    [multipart, field('name="$ACTION_ID_0a"')],
    [multipart, field('name="$ACTION_REF_1"')],
    [form, '%71func=x'],
    [multipart, field('name="_action"')],
    [json, '[{"url":"/rpc/secret"}]'],
    [json, '[{"a":{"b":1},"method":"GET"},{"a":["x"], "\\u0075rl" : "http:\\/\\/a/rpc\\/secret?x"}]'],
    [json, '{"requests":[{"id":"1","method":"GET","url":"/rpc/other"},{"method":"GET","url":"/rpc/secret"}]}'],
    [json, '{"batch":{"items":[[{"relative_url":"rpc/secret"}]]}}'],
    [json, `{"a":${'['.repeat(80)}{"uri":"/rpc/secret"}`],
    ['text/plain', '[{"url":"/rpc/secret"}]'],
    ['text/plain', ' {"requests":[{"path":"/rpc/secret"}]}'],
    ['', '[{"url":"/rpc/secret"}]'],
    [form, 'batch=[{"relative_url":"rpc/secret"}]'],
    [form, `a=1&batch=${encodeURIComponent('{"requests":[{"path":"/rpc/secret"}]}')}`],
    [form, "batch=[{url:'/rpc/other'}]"],
    [multipart, field('name="batch"').replace('DELETE', '[{"url":"/rpc/secret"}]')],
    ...otherwiseRead.map((url): [string, string] => [json, `[{"url":${JSON.stringify(url)}}]`]),
    [json, '[{"url":["/rpc/secret"]}]'],
    [json, '[{"url":[["/rpc/x/","/../secret"]]}]'],
    [json, `[{"url":"${'\\u0020'.repeat(180)}/rpc/secret"}]`],
    [form, 'batch=[{"url":"/rpc/sec\\tret"}]'],
    [form, 'batch=[{"url":["/rpc/secret"]}]'],
    [form, `batch=${'%20'.repeat(3000)}[{"url":"/rpc/secret"}]`],
    [form, `batch=[{"x":"${'a'.repeat(9000)}","url":"/rpc/secret"}]`],
    [multipart, field('name="batch"').replace('DELETE', `[{"x":"${'a'.repeat(9000)}","url":"/rpc/secret"}]`)],
    [multipart, field('name="batch"').replace('DELETE', `${' '.repeat(9000)}[{"url":"/rpc/secret"}]`)],
    [form, ' \0/rpc/secret=1&a=\0 /rpc/secret'],
    [form, `a=/${'./'.repeat(5000)}rpc/secret`],
    [form, `a=/${'./'.repeat(300)}rpc/secret`],
    [form, 'batch=[{"p\\ath":"/rpc/secret"}]'],
    [form, 'batch=[{"url":"/rpc/secret","url":"/rpc/other"}]'],
    [multipart, field('name="batch"').replace('DELETE', `[{"x":"${'<'.repeat(3000)}","url":"/rpc/secret"}]`)],
    [multipart, field('name="a"').replace('DELETE', `/${'./'.repeat(3000)}rpc/secret`)],
    [multipart, field('name="a"').replace('DELETE', '\0/rpc/secret')],
    [form, 'batch=\ufeff[{"url":"/rpc/secret"}]'],
    [form, 'batch=[{"x":";","url":"/rpc/secret"}]'],
    [form, 'a=1;batch=[{"x":"%26;=","y":";","url":"/rpc/secret"}]&a=1'],
    [form, `batch=[{"x":";${'a'.repeat(9000)}","url":"/rpc/secret"}]`],
    [form, 'batch=\u0001[{"url":"/rpc/secret"}]'],
    [form, `batch=\ufeff[{"x":"${'a'.repeat(9000)}","url":"/rpc/secret"}]`],
    [form, `batch=${'%u0020'.repeat(1365)}%u005B{"url":"/rpc/secret"}]`],
    [multipart, field('name="batch"').replace('DELETE', '\ufeff[{"url":"/rpc/secret"}]')],
    [multipart, field('name="batch"').replace('DELETE', '\0[{"url":"/rpc/secret"}]'.split('').join('\0'))],
    ['text/plain', '\u0001[{"url":"/rpc/secret"}]'],
    ['text/plain', '\u001f{"requests":[{"url":"/rpc/secret"}]}'],
  ])('is rejected: %s %.40s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    [form, 'a=_action&action=x'],
    [json, '[{"url":"/rpc/other"},{"a":{"url":"/rpc/secret"}},"url",{"url":null,"b":"/rpc/secret"}]'],
    [json, '{"url":"/rpc/secret"}'],
    [json, '{"images":[{"file":{"url":"/rpc/secret"}}],"links":{"path":"/rpc/secret"}}'],
    ['text/plain', '[section]\npath=/rpc/secret\n'],
    ['text/plain', '["url","/rpc/secret",{"b":["/rpc/secret"]}]'],
    ['text/plain', "[{verb:'DELETE',_method:1}]"],
    [form, 'q=[path];x=1;y=[1;2]&a="[";b={"x":";"}&c=%5B1;2%5D'],
    [form, 'q=[path] x&a=[1,2]&b={"url":"/rpc/secret"}&c=[{"url":"/rpc/other"}]'],
    [
      json,
      '[{"url":""},{"url":"https://a.example:8443/b%20c?d=/rpc/secret&e;f#/rpc/secret"},{"uri":"urn:a:b"},{"path":"src/a.ts"}]',
    ],
    [json, '[{"url":"http://[::1]/x"},{"url":"mailto:a@b.example"},{"url":{"path":"/rpc/secret"}}]'],
    [form, `q=${'a'.repeat(9000)}`],
  ])('is accepted if it is data: %s %.60s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })

  it('is rejected if no route requires more, but an MCP server may', async () => {
    const routes: Route[] = [{ method: 'POST', path: '/open/form', require: 'none' }]
    const { port } = await openGateway({ routes, mcp: [{ path: '/mcp', tools: {} }] })
    for (const [path, status] of [
      ['/mcp', 400],
      ['/open/../mcp', 400],
      ['/open', 200],
    ]) {
      const body = JSON.stringify([{ url: path }])
      const head = ['POST /open/form HTTP/1.1', 'Host: api.example', `Content-Type: ${json}`]
      const sent = message([...head, `Content-Length: ${body.length}`], body)
      expect([path, statusOf(await exchange(port, sent))]).toEqual([path, status])
    }
  })

  it('is rejected if only a wide route requires more, unless the URL has an authority', async () => {
    const wide: Route[] = [
      { method: 'POST', path: '/open/form', require: 'none' },
      { method: '*', path: '/*', require: 'authorization', scope: 'events.read' },
    ]
    expect(await send(json, '[{"url":"/secret"}]', undefined, wide)).toEqual({ statuses: [400, 400], bodies: [] })
    const data = '[{"url":"https://other.example/secret"},{"path":"src/a.ts"}]'
    expect(await send(json, data, undefined, wide)).toEqual({ statuses: [200, 200], bodies: [data, data] })
  })
})

// G48
describe('a form with a path that a front controller may run', () => {
  const routes: Route[] = [
    { method: '*', path: '/', require: 'none' },
    { method: '*', path: '/admin/*', require: 'authorization', scope: 'events.read' },
    { method: 'GET', path: '/public', require: 'none' },
  ]

  const inPart = (content: string) => part('Content-Disposition: form-data; name="r"').replace('DELETE', content)

  async function post(type: string, body: string, path = '/', frontController = false, all = routes): Promise<number> {
    const mcp = all === routes ? { mcp: [{ path: '/mcp', tools: {} }] } : {}
    const { port } = await openGateway({ routes: all, ...mcp, frontController })
    const head = [`POST ${path} HTTP/1.1`, 'Host: api.example', `Content-Type: ${type}`]
    const whole = statusOf(await exchange(port, message([...head, `Content-Length: ${body.length}`], body)))
    const chunks = Array.from(body, (byte) => `1\r\n${byte}\r\n`)
    const chunked = await exchange(port, [message([...head, 'Transfer-Encoding: chunked']), ...chunks, '0\r\n\r\n'])
    expect(statusOf(chunked)).toBe(whole)
    return whole
  }

  it.each([
    [form, 'r=/admin/users'],
    [form, 'a=1&r=%2Fadmin%2Fusers'],
    [form, 'r=+%20/ADMIN/users/'],
    [form, 'r=//admin/./users'],
    [form, 'r=%252fadmin'],
    [form, 'r=/x/../admin'],
    [form, 'r=/admin/users?a=b'],
    [form, 'r=\\\\admin'],
    [form, 'r=/mcp'],
    [form, 'a=[{"url":"/mcp"}]'],
    [json, '[{"url":"/mcp/x"}]'],
    ['', 'r=/admin/users'],
    [multipart, inPart('/admin/users')],
    [multipart, inPart(' %2Fadmin')],
    [multipart, '--b-1\r\nContent-Disposition: form-data; name="r"\r\n\r\n/admin'],
    [form, Array.from({ length: 101 }, (_, at) => `a=/x${at}`).join('&')],
  ])('is rejected: %s %.60s', async (type, body) => {
    expect(await post(type, body)).toBe(400)
  })

  it.each([
    [form, 'r=admin/users&a=/public&b=/nowhere&c=x/admin&d=/&e=/9j/4AAQSkZJRg'],
    [form, 'a=/same&'.repeat(200)],
    [multipart, inPart('/public')],
    ['text/plain', 'r=/admin/users'],
  ])('is accepted if it leads to no route that requires more: %s %.60s', async (type, body) => {
    expect(await post(type, body)).toBe(200)
  })

  it.each([
    [form, 'a=1&url=admin/users', 400],
    [form, 'url=+%00Admin', 400],
    [form, `url=${'+'.repeat(2000)}admin`, 400],
    [form, `url=admin/${'x'.repeat(9000)}`, 400],
    [form, `url=${'/'.repeat(1100)}admin`, 400],
    [form, `url=${'%2F'.repeat(1100)}admin`, 400],
    [form, `url=${'./'.repeat(600)}admin`, 400],
    [form, `url=${'./'.repeat(9000)}admin`, 400],
    [form, `url=${'%C2%A0'.repeat(200)}admin`, 400],
    [form, 'url=mcp', 400],
    [multipart, inPart(`${'/'.repeat(1100)}admin`), 400],
    [
      multipart,
      inPart(Array.from({ length: 400 }, (_, at) => `.a${at} { color: red; margin: ${at}px }\n`).join('')),
      200,
    ],
    [multipart, inPart('admin/users'), 400],
    [form, `title=About+admin&text=${'and/or '.repeat(2000)}&page=public`, 200],
  ])('also without a slash, if the API is a front controller: %s %.40s', async (type, body, status) => {
    expect(await post(type, body, '/', true)).toBe(status)
  })

  const data: Route[] = [{ method: 'POST', path: '/data', require: 'none', mayNameMethod: true }, ...routes]
  it.each([
    [form, `r=/admin/users?${'x'.repeat(9000)}`, 400],
    [form, `r=${'+'.repeat(9000)}/admin`, 400],
    [form, `r=${'%20'.repeat(3000)}/admin`, 400],
    [form, `r=${'/'.repeat(9000)}admin`, 400],
    [multipart, inPart(`/admin/users?${'x'.repeat(9000)}`), 400],
    [multipart, inPart(`${' '.repeat(9000)}/admin`), 400],
    [form, `r=/public?${'x'.repeat(9000)}`, 200],
    [form, `r=${'x'.repeat(9000)}/admin`, 200],
  ])('also in a long value on a route that may name methods: %s %.40s', async (type, body, status) => {
    expect(await post(type, body, '/data', false, data)).toBe(status)
  })

  it('names the form, not the query, if a value has too many interpretations', async () => {
    const { port } = await openGateway({ routes })
    const body = 'r=/x.php/y.php/z.php'
    const head = ['POST / HTTP/1.1', 'Host: api.example', `Content-Type: ${form}`, `Content-Length: ${body.length}`]
    const response = await exchange(port, message(head, body))
    expect(response.toString()).toContain('A form field has paths with more than two script names.')
  })

  it('but a long blank value is accepted if no route requires more', async () => {
    const own: Route[] = [{ method: '*', path: '/*', require: 'none' }]
    expect(await post(form, `r=${'+'.repeat(9000)}`, '/data', true, own)).toBe(200)
  })
})

/** Boundaries as created, in this order, by Chrome, Safari and Edge; Firefox; Bun; axios; Dart; dio; Alamofire; and others. */
const boundaries = [
  '----WebKitFormBoundary7MA4YWxkTrZu0gW',
  '----geckoformboundaryd1c7a8b1f4f0e2c5',
  '-WebkitFormBoundary4a0c8c2f9b6d4c1e',
  'axios-1.7.9-boundary-Kj3h_2-sQ',
  'dart-http-boundary-X+6_y.-Zq0B',
  '--dio-boundary-3847561920',
  'alamofire.boundary.9f86d081884c7d65',
  'form-data-boundary-mnfp3q1xw2r6v8z0',
  'Boundary-6F1C5D3A-8B0E-4B53-9C35-1F0B1C7E7A11',
  '---------------------------974767299852498929531610575',
  '----formdata-undici-0123456789',
  '-----------RubyMultipartPost-2f9',
]

// G02
describe('a body with a field that names a method that requires more on its path', () => {
  const of: Route[] = [
    { method: 'POST', path: '/open/form', require: 'none' },
    { method: 'DELETE', path: '/open/form', require: 'identity' },
  ]
  it.each<[string, string | Uint8Array]>([
    [form, 'verb=DELETE'],
    [form, 'a=1&x-tunneled-method=delete'],
    [form, 'http_method=%44ELETE+'],
    [form, '%76erb=DEL%45TE&a=1'],
    [form, 'entry[verb]=DELETE'],
    [form, `verb=${'%2520'.repeat(100)}DELETE${'%20'.repeat(100)}`],
    [form, 'method=PUT'],
    ['', '$override=DELETE'],
    ['text/plain; a=urlencoded', 'requestType=DELETE'],
    [json, '{"verb":"DELETE"}'],
    [json, '{"a":{"verb":"x"},"\\u0076erb" : " \\u0044elete\\n"}'],
    [json, '{"method":"DELETE"}'],
    [json, '{"httpMethod":"PATCH","a":1}'],
    [json, `{"a":"${'x'.repeat(1_100_000)}","tunnelMethod":"DELETE"}`],
    ['text/plain', '{"verb":"DELETE"}'],
    [multipart, field('name="verb"')],
    [multipart, field('name=x_tunneled_method')],
    [
      multipart,
      `--b-1\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nx\r\n${field('name="_verb[]"')}`,
    ],
  ])('is rejected: %s %.40s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    [form, 'verb=POST&http_method=GET&delivery_method=post&methods[]=DELETE&action=delete&verbose=delete&a=verb'],
    [form, `verb=${'DELETE'.repeat(100)}`],
    [json, '{"jsonrpc":"2.0","method":"put","params":{"verb":"DELETE","a":["DELETE"]},"verb":["DELETE"]}'],
    [json, '{"verb":{"a":"DELETE"},"b":"DELETE","methods":["DELETE"],"httpMethod":null,"c":"verb","d":"DELETE"}'],
    ['text/plain', '{"a":"verb","b":"DELETE"}'],
    [multipart, field('name="a"; filename="verb"')],
    ['text/plain', 'verb=DELETE'],
  ])('is accepted if it is data: %s %.60s', async (type, body) => {
    expect(await send(type, body, undefined, of)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })

  it('is accepted if the route permits it, or if the method requires no more', async () => {
    const [post, erase] = of as [Route, Route]
    const permitted: Route[] = [{ ...post, mayNameMethod: true }, erase]
    for (const routes of [permitted, undefined])
      for (const [type, body] of [
        [form, 'verb=DELETE'],
        [json, '{"verb":"DELETE"}'],
        [multipart, field('name="verb"')],
      ] as const)
        expect(await send(type, body, undefined, routes)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})

describe('accepts a form with the boundary of a common client', () => {
  it.each([
    ...boundaries.map((boundary) => [`multipart/form-data; boundary=${boundary}`, boundary]),
    ...boundaries.map((boundary) => [`multipart/form-data; charset=utf-8; boundary="${boundary}"`, boundary]),
    ['multipart/form-data;boundary=boundary;charset=UTF-8', 'boundary'],
    ['multipart/related; boundary="----_Part_3_1.2"; type="application/json"', '----_Part_3_1.2'],
  ])('%s', async (type, boundary) => {
    const body = part(
      'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain',
      boundary,
    )
    expect(await send(type, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
    const other = part('Content-Disposition: form-data; name="_method"', boundary)
    expect(await send(type, other)).toEqual({ statuses: [400, 400], bodies: [] })
  })
})

describe('accepts a part with the names that common clients use', () => {
  it.each([
    'name="payment_method"',
    'name="shipping method"',
    'name="payment_method_types[]"',
    'name="user[profile][method]"',
    'name="größe %22x%22"',
    'name="file"; filename="a %22b%22; name.txt"',
    'name="file"; filename="a \\"b\\".txt"',
    'name="file"; filename="name* (1) 50%.txt"',
    'name="file"; filename="naïve 文件 🙂.txt"',
    `name="file"; filename="na_ve.txt"; filename*=UTF-8''na%C3%AFve%20_method.txt`,
    'name="file"; filename="C:\\dir\\_method"',
    `name="file"; filename*=UTF-8''${'%E6%96%87'.repeat(255)}`,
    'name=file; filename=a.txt\r\nContent-Type: text/plain; name="a.txt"',
    'name="json"\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: binary',
  ])('%.60s', async (rest) => {
    const body = field(rest)
    expect(await send(multipart, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})

describe('accepts a typical API body', () => {
  it.each([
    [json, '{"payment_method":"card","shipping method":1,"http_method":"GET","methods":[],"requestMethod":"x"}'],
    [
      json,
      '{"query":"query A($method: M!) { a(_method: $method) { b } } # c","variables":{"_method":"x"},"operationName":null}',
    ],
    [json, '[{"op":"replace","path":"/a~1b/_method","value":-1.5E+3}]'],
    [
      json,
      '{"url":"https://a.example/b?c=d#e","path":"/a","verb":"x","regex":"^[/*\'`]\\\\$","n":null,"t":true,"f":false}',
    ],
    [json, '{"":0,"a b":{"":[]},"n":-0.5E-7}\r\n'],
    ['application/x-ndjson', '{"index":{"_id":"1"}}\n{"method":"a"}\n'],
    [form, 'amount=1&payment_method_types[]=card&payment_method_types%5B%5D=link&payment_method_data[type]=card'],
    [form, 'grant_type=authorization_code&code=a%2Fb&redirect_uri=https%3A%2F%2Fa.example&code_challenge_method=S256'],
    [form, 'token_endpoint_auth_method=private_key_jwt&request_uri=urn%3Aa&method=a&http.method=GET&shipping+method=b'],
  ])('%s %.60s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})
