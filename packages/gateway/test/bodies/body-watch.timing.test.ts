import { brotliCompressSync } from 'node:zlib'
import { AAuthError } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { createBodyWatch } from '../../src/bodies/body-watch.js'
import { bearer, both, openOAuthResource, tokenFor } from '../oauth-stage.js'
import { checkedRequest } from './checked-request.js'

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
const text = 'text/plain'
const multipart = 'multipart/form-data; boundary=b'

const checked = checkedRequest([{ method: 'DELETE', path: '/x', require: 'identity' }])

/** The amount of a body that Node.js delivers in one turn of the event loop. */
const turn = 65_536
const size = 8 * turn

const filled = (unit: string, start = '', end = '') =>
  Buffer.from((start + unit.repeat(Math.ceil(size / unit.length))).slice(0, size - end.length) + end, 'latin1')
const part = (parameters: string, content = 'x') =>
  `--b\r\nContent-Disposition: form-data${parameters}\r\n\r\n${content}\r\n`
const parts = (parameters: string, content?: string) => filled(part(parameters, content))
const numbered = (unit: (at: number) => string) =>
  filled(Array.from({ length: Math.ceil(size / unit(0).length) }, (_, at) => unit(at)).join(''))

const letter = (at: number) => String.fromCharCode(0x61 + at)

/** CPU time of the slowest turn of a body, in milliseconds. */
function slowestTurn(type: string, body: Buffer): number {
  const watch = createBodyWatch({ 'content-type': type }, checked)
  let slowest = 0
  try {
    for (let at = 0; at < body.length; at += turn) {
      const before = process.cpuUsage()
      watch.push(body.subarray(at, at + turn))
      const { user, system } = process.cpuUsage(before)
      slowest = Math.max(slowest, (user + system) / 1000)
    }
  } catch {
    // A rejected body costs no further turn.
  }
  return slowest
}

const honest: [string, Buffer][] = [
  [form, filled('name=a+value&list%5Ba%5D=b%20c&')],
  [json, filled('"name_of_it":"a \\"value\\"",', '{')],
  [multipart, parts('; name="a"', 'some value')],
]

// G02
it.each<[string, string, Buffer]>([
  ['a long name in JSON', json, filled('\\u0061', '{"', '":1}')],
  ['a long name of backslashes', json, filled('\\\\', '{"', '":1}')],
  ['a long name in JSON of any type', text, filled('\\u0061', '{"', '":1}')],
  ['many members', json, filled('"":1,', '{')],
  ['many members that may name the method', json, filled('"method":1,', '{')],
  ['many members that name it', json, filled('"verb":"POST",', '{')],
  ['many members with escapes', json, filled('"\\u006d":1,', '{')],
  ['deep arrays', json, filled('[')],
  ['deep objects', json, filled('{"a":')],
  ['many members with comments', text, filled('/*"*/{"x":1,', '{')],
  ['many names without quotes', text, filled('xmethox:', '{/')],
  ['many letters of a name', text, filled('over', '{/')],
  ['a long text of quotes', text, filled("'", '{/', ':')],
  ['a long form name', form, filled('%2561')],
  ['a long form name in another encoding', form, filled('%u0061', '', '=1')],
  ['a long form name of spaces', form, filled('%20+ ')],
  ['many short fields', form, filled('&=')],
  ['many fields that may name the method', form, filled('method&')],
  ['many fields that name it', form, filled('verb=POST&')],
  ['many names with an encoding', form, filled('rest%&')],
  ['many values that may be encoded paths', form, numbered((at) => `a=%${at}&`)],
  ['a long value of encoded spaces', form, filled('%2520', 'a=')],
  ['long paths in different values', form, numbered((at) => `a=${'%2f%61'.repeat(1300)}${at}&`)],
  ['many empty parts', multipart, filled('--b\r\n\r\n\r\n')],
  ['many parts with a path', multipart, parts('; name="a"', '/a')],
  ['long names with an encoding', multipart, parts(`; name="${'%61'.repeat(1300)}"`)],
  ['long file names of escapes', multipart, parts(`; filename="${'\\a'.repeat(3000)}"`)],
  ['long file names of names', multipart, parts(`; filename="${'name  '.repeat(1000)}"`)],
  [
    'many headers with a name',
    multipart,
    parts(Array.from({ length: 26 }, (_, at) => `\r\n${letter(at)}: ${'name="a";'.repeat(30)}`).join('')),
  ],
  ['long headers of spaces', multipart, parts(`\r\nX: name${' '.repeat(8000)}`)],
  ['long parts of slashes', multipart, numbered((at) => part('; name="a"', `${'/\xff'.repeat(4000)}${at}`))],
  ['long parts that may be JSON', multipart, parts('; name="a"', `[${'\xff'.repeat(8000)}`)],
])('a turn of %s costs little more than one of an ordinary body', (_name, type, body) => {
  const costs = { hostile: Number.POSITIVE_INFINITY, honest: Number.POSITIVE_INFINITY }
  for (let times = 0; times < 4; times++) {
    costs.hostile = Math.min(costs.hostile, slowestTurn(type, body))
    costs.honest = Math.min(costs.honest, Math.max(...honest.map((each) => slowestTurn(...each))))
  }
  expect(costs.hostile).toBeLessThan(5 * costs.honest)
})

/** CPU time for a whole body in milliseconds, once V8 has compiled the loops: the minimum of ten runs. */
function costOf(watched: () => ReturnType<typeof createBodyWatch>, body: Buffer): number {
  const costs = Array.from({ length: 10 }, () => {
    const before = process.cpuUsage()
    try {
      const watch = watched()
      watch.push(body)
      watch.end()
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...costs)
}

// G45
describe('a body costs at most 20 ms of CPU time', () => {
  const methods = ['LOCK', 'PUT', 'GET', 'HEAD', 'PATCH', 'OPTIONS', 'MKCOL', 'QUERY']
  const longPath = checkedRequest(
    [
      { method: 'DELETE', path: '/x/{id}', require: 'none' },
      { method: 'GET', path: '/strict', require: 'identity' },
    ],
    { method: '*', path: '/x/*', require: 'none' },
    `/x/${'%C3%9F%C3%9F%EF%B7%BA/'.repeat(240)}`,
  )
  const onLongPath = (type: string) => () => createBodyWatch({ 'content-type': type }, longPath)
  const fields = (text: (method: string) => string) =>
    Buffer.from(Array.from({ length: 6500 }, (_, at) => text(methods[at % methods.length] as string)).join(''))
  const pages = (at: number) => `a=/${at}/x.php/${'page-data/'.repeat(4)}${'a/'.repeat(100)}page-data.json&`

  it.each<[string, () => ReturnType<typeof createBodyWatch>, Buffer]>([
    ['with fields that name a method, on a long path', onLongPath(form), fields((method) => `verb=${method}&`)],
    [
      'with members that name a method',
      onLongPath(json),
      Buffer.concat([Buffer.from('{'), fields((method) => `"verb":"${method}",`)]),
    ],
    [
      'with an array of URLs',
      onLongPath(json),
      Buffer.from(`[${Array.from({ length: 2000 }, (_, at) => `{"url":"/${at}/a/b/c"}`).join()}]`),
    ],
    [
      'with an array of long URLs',
      onLongPath(json),
      Buffer.from(
        `[${Array.from({ length: 90 }, (_, at) => `{"url":"/${at}/x.php${'/page-data'.repeat(3)}${'/a'.repeat(200)}"}`).join()}]`,
      ),
    ],
    [
      'with an array of URLs with comments',
      onLongPath(text),
      Buffer.from(`[${Array.from({ length: 90 }, (_, at) => `{url:${at}*/${'/*x'.repeat(1350)}}`).join()}]`),
    ],
    [
      'with an array of URLs with spaces',
      onLongPath(text),
      Buffer.from(`[${`{url:/x${' '.repeat(4000)}y},`.repeat(90)}`),
    ],
    [
      'with one long URL repeated many times',
      onLongPath(json),
      Buffer.from(`[${`{"url":"${'/a'.repeat(250)}"},`.repeat(900)}`),
    ],
    ['with an array containing a URL of colons', onLongPath(form), Buffer.from(`a=[{"url":"x${':'.repeat(8000)}"}]`)],
    [
      'with paths to page data',
      onLongPath(form),
      Buffer.from(Array.from({ length: 60 }, (_, at) => pages(at)).join('')),
    ],
    [
      'with spaces compressed by brotli',
      () => createBodyWatch({ 'content-type': text, 'content-encoding': 'br' }),
      brotliCompressSync(Buffer.alloc(2_000_000, ' ')),
    ],
  ])('%s', (_name, watched, body) => expect(costOf(watched, body)).toBeLessThanOrEqual(20))
})

// G45
it('a long media type with many charsets costs at most 1 ms of CPU time', () => {
  const type = `text/plain;${'charset'.repeat(2000)}`
  expect(costOf(() => createBodyWatch({ 'content-type': type }), Buffer.from('a'))).toBeLessThanOrEqual(1)
})

// G45
it.each(['a', '%&', ';', '%61=&', '%61%63%63%65%73%73&', '%252525&', 'access%5f', 'access_token_x&', '%20'])(
  'a form of %s at an OAuth endpoint takes at most 20 ms',
  async (part) => {
    const endpoint = openOAuthResource().oauthEndpoint({ path: '/mcp' })
    const content = Buffer.from(part.repeat(Math.floor(1_000_000 / part.length)))
    const token = await tokenFor('/mcp', 'events.read')
    const received = {
      method: 'POST',
      rawTarget: '/mcp',
      rawHeaders: ['Host', 'api.example', 'Content-Type', form, ...bearer(token)],
      body: () => content,
    }
    const costs: number[] = []
    for (let times = 0; times < 7; times++) {
      const before = process.cpuUsage()
      await endpoint.verify(received, { require: 'identity', accept: both })
      const { user, system } = process.cpuUsage(before)
      costs.push((user + system) / 1000)
    }
    expect(Math.min(...costs)).toBeLessThanOrEqual(20)
  },
)
