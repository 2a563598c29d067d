import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { AAuthError } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { createBodyWatch } from '../../src/bodies/body-watch.js'

/** What a body of a type is refused for, without a request to check its values for; undefined if it is accepted. */
function refusalOf(type: string, body: string | Uint8Array, coding?: string): string | undefined {
  const headers = { 'content-type': type, ...(coding === undefined ? {} : { 'content-encoding': coding }) }
  try {
    const watch = createBodyWatch(headers)
    if (body.length > 0) watch.push(Buffer.from(body as string))
    watch.end()
    return undefined
  } catch (error) {
    if (error instanceof AAuthError) return error.message
    throw error
  }
}

const [formField, part] = ['_method=PUT', '--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPUT\r\n--b--']
const member = '{"_method":"PUT"}'
const refused = 'The field _method is not accepted: send the intended request directly.'

describe('the type determines how a body is read', () => {
  it.each([
    ['application/x-www-form-urlencoded', true],
    ['APPLICATION/X-WWW-FORM-URLENCODED', true],
    ['text/plain; a=urlencoded', true],
    ['x/url-encoded', true],
    ['', true],
    ['text/plain', false],
    ['application/json-form', false],
  ])('%j as a form: %s', (type, isForm) => {
    const expected = isForm ? refused : /json/.test(type) ? expect.stringContaining('not valid JSON') : undefined
    expect(refusalOf(type, formField)).toEqual(expected)
  })

  it.each([
    ['multipart/form-data; boundary=b', true],
    ['Multipart/mixed; Boundary=b', true],
    ['x-multipart; boundary=b', true],
    ['text/plain; a=multipart', false],
    ['text/plain; boundary=b', false],
  ])('%j as parts: %s', (type, isParts) => {
    expect(refusalOf(type, part)).toBe(isParts ? refused : undefined)
  })

  it.each(['application/json', 'application/vnd.x+JSON; a=b', 'text/plain, application/json', 'text/json'])(
    '%j as JSON only',
    (type) => {
      expect(refusalOf(type, member)).toBe(refused)
      expect(refusalOf(type, '{a:1}')).toContain('The body is not valid JSON')
      expect(refusalOf(type, '{"a":1}')).toBeUndefined()
    },
  )

  it.each(['text/plain', 'text/plain; a="x/json"', 'text/plain; a=/json', 'image/png'])(
    '%j as JSON if it starts as JSON',
    (type) => {
      expect(refusalOf(type, member)).toBe(refused)
      expect(refusalOf(type, 'a {_method:1')).toBeUndefined()
      const lenient = refusalOf(type, '{_method:1}')
      if (type === 'image/png') expect(lenient).toBeUndefined()
      else expect(lenient).toContain('starts like JSON')
    },
  )
})

it('without a request, a body may contain other values, but no other names', () => {
  const json = 'application/json'
  expect(refusalOf(json, '[{"url":"/admin"}]')).toBeUndefined()
  expect(refusalOf(json, '{"http_method":"PUT"}')).toBeUndefined()
  expect(
    refusalOf('', `verb=PUT&path=/admin&_action=a&batch=[{"url":"/admin"}]&long=/${'a'.repeat(9000)}`),
  ).toBeUndefined()
})

it.each([
  ...'application/octet-stream application/pdf application/rtf application/zip application/x-zip-compressed'.split(' '),
  ...'application/gzip application/x-tar application/x-bzip application/x-bzip2 application/x-xz application/zstd'.split(
    ' ',
  ),
  ...'application/x-7z-compressed application/x-rar-compressed application/wasm application/protobuf'.split(' '),
  ...'application/x-protobuf application/vnd.google.protobuf application/grpc application/grpc-web+proto'.split(' '),
  ...'application/cbor application/msgpack application/vnd.msgpack application/java-archive application/msword'.split(
    ' ',
  ),
  ...'application/vnd.openxmlformats-x.y application/vnd.ms-excel application/vnd.oasis.opendocument.text'.split(' '),
  ...'application/vnd.apache.parquet application/vnd.sqlite3 image/svg+xml audio/ogg video/mp4 font/woff2'.split(' '),
  'model/gltf-binary',
  'IMAGE/PNG',
  'image/png ; a=b',
  'image/png;a',
])('%s is never text: what starts as JSON but is not valid is accepted', (type) => {
  expect(refusalOf(type, '{_method:1}')).toBeUndefined()
})

it.each([
  ...'text/plain application/xml ximage/png image/ application/x-pdf application/grpc+x'.split(' '),
  ...'application/pdfx image/png/x image/png;a=json image/png;a=form image/png;a=MULTIPART'.split(' '),
  'image/png x',
])('%s may be text', (type) => {
  expect(refusalOf(type, '{_method:1}')).toContain('starts like JSON')
})

describe('a Content-Encoding', () => {
  const packed = 'The compressed body may be JSON, or cannot be decompressed: send it without Content-Encoding.'
  const unknown = 'Send bodies in gzip, deflate or br, or without Content-Encoding.'
  const readable = 'Send forms and JSON without Content-Encoding.'

  it.each<[string, (text: string) => Uint8Array]>([
    ['gzip', gzipSync],
    [' GZIP ', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
  ])('%j is inspected', (coding, pack) => {
    expect(refusalOf('text/plain', pack('text'), coding)).toBeUndefined()
    expect(refusalOf('text/plain', '', coding)).toBeUndefined()
    for (const text of ['{}', ' [', '']) expect(refusalOf('text/plain', pack(text), coding), text).toBe(packed)
    expect(refusalOf('text/plain', 'x', coding)).toBe(packed)
  })

  it('is refused if it is another one', () => {
    for (const coding of ['zstd', 'constructor', 'gzip, br', ''])
      expect(refusalOf('text/plain', '', coding)).toBe(unknown)
    expect(refusalOf('text/plain', 'a', ' Identity ')).toBeUndefined()
  })

  it.each(['', 'application/json', 'text/plain; a=json', 'x/urlencoded', 'multipart/mixed; boundary=b'])(
    'is refused for %j',
    (type) => {
      expect(refusalOf(type, gzipSync('text'), 'gzip')).toBe(readable)
    },
  )
})

it.each([
  ['application/json', false],
  ['text/plain', true],
])('%s in another encoding than UTF-8 is accepted: %s', (type, isAccepted) => {
  for (const charset of ['utf-8', 'UTF8', 'us-ascii', 'ascii', 'iso-8859-1', 'latin1', 'Windows-1252'])
    expect(refusalOf(`${type}; charset=${charset}`, '{}')).toBeUndefined()
  expect(refusalOf(`${type}; charset=iso-8859-15`, '{}')).toBe(isAccepted ? undefined : 'Send forms and JSON in UTF-8.')
})

it('text in an encoding with multibyte characters is refused if it starts as JSON', () => {
  const type = 'text/plain; charset=Shift_JIS'
  for (const body of ['{}', ' [1]', '// x\n{}']) expect(refusalOf(type, body)).toBe('Send forms and JSON in UTF-8.')
  for (const body of ['a{}', '']) expect(refusalOf(type, body)).toBeUndefined()
})
