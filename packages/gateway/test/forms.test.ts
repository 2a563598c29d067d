import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { exchange, message, openGateway, statusOf } from './gateway-stage.js'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const multipart = 'multipart/form-data; boundary=b-1'
const part = (head: string, boundary = 'b-1') => `--${boundary}\r\n${head}\r\n\r\nDELETE\r\n--${boundary}--\r\n`
const field = (rest: string) => part(`Content-Disposition: form-data; ${rest}`)
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

/** Sends a body in one piece and byte by byte, unsigned, and gives both statuses and what arrived. */
async function send(type: string, body: string | Buffer, coding?: string) {
  const { port, arrived } = await openGateway()
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
describe('a body that names another method or path is refused', () => {
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
    [`${form}; charset=iso-8859-1`, '_method=DELETE'],
    [`text/plain, ${form}`, '_method=DELETE'],
    ['', '_method=DELETE'],
    ['', 'a=1&_method=DELETE'],
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
    ['text/json', '{"_method":"DELETE"}'],
    ['application/vnd.api+json', '{"_METHOD":"DELETE"}'],
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
    'name=""_method""',
    "name*=utf-8''_method",
    'name*0="_me"; name*1="thod"',
    'name="=?utf-8?q?=5Fmethod?="',
    'name="X-HTTP-Method-Override"',
    `x="${'a'.repeat(250)}"; name="_method"`,
    'filename="x"; name="a"; name="_method"',
    'a="b"name="_method"',
    '\r\n name="_method"',
    '\r\n\tname\r\n =\r\n "_method"',
    'a\n\nContent-Disposition: form-data; name="_method"',
    'NAME="_method"',
  ])('as a part: %.60s', async (rest) => {
    expect(await send(multipart, field(rest))).toEqual({ statuses: [400, 400], bodies: [] })
  })

  it.each([
    ['multipart/mixed; boundary=b-1', field('name="_method"')],
    ['multipart/form-data; boundary="b-1"', field('name="_method"')],
    ['multipart/form-data; boundary=b-1; boundary=b', field('name="a"')],
    ['multipart/form-data; boundary=b=1', field('name="a"')],
    ['multipart/form-data; boundary="b;1"', field('name="a"')],
    ['multipart/form-data', field('name="a"')],
    [multipart, `x${part(`Content-Type: text/plain\r\nX: ${'x'.repeat(20_000)}`)}`],
    [multipart, `--b-1\r\nContent-Disposition: form-data; name="a"\r\n\r\n${field('name="_method"')}`],
    [multipart, '--b-1\r\nContent-Disposition: form-data; name="_method"'],
  ])('by its boundary or what is around its parts: %s %.60s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [400, 400], bodies: [] })
  })
})

describe('a form or JSON that cannot be looked into is refused', () => {
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
    ['', '%5f'.repeat(400_000), undefined],
  ])('%s', async (type, body, coding) => {
    expect(await send(type, body, coding)).toEqual({ statuses: [415, 415], bodies: [] })
  })
})

describe('what names nothing but its own fields passes as it is', () => {
  it.each([
    [form, 'method=card&payment_method=x&method[]=a&a=_method'],
    [form, `a=${'x'.repeat(1_100_000)}`],
    [json, '{"jsonrpc":"2.0","method":"tools/call","params":{"_method":"x","a":["_method"]},"b":"_method"}'],
    [json, '["_method",{"_method":1}]'],
    [json, '"_method"'],
    [json, '{"a":"\\\\","b":"\\"_method\\":"}'],
    [`${json}; charset=utf-8`, '{"größe":"_method"}'],
    [multipart, field('name="method"')],
    [multipart, field('name="file"; filename="_method.txt"')],
    [multipart, `--b-1\r\nContent-Disposition: form-data; name="a"\r\n\r\nname="_method"\r\n--b-1--\r\n`],
    [
      'multipart/form-data; boundary="--=_Part:1"; charset=utf-8',
      part('Content-Disposition: form-data; name="a"', '--=_Part:1'),
    ],
    ['text/plain', '_method=DELETE'],
    ['application/octet-stream', '{"_method":"DELETE"}'],
    ['', 'any bytes'],
    ['', 'a'.repeat(1_200_000)],
    [form, `{"a":"${'x'.repeat(1_200_000)}"}`],
  ])('%s %.60s', async (type, body) => {
    expect(await send(type, body)).toEqual({ statuses: [200, 200], bodies: [body, body] })
  })
})
