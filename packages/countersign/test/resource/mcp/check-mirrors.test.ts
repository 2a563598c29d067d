import { describe, expect, it } from 'vitest'
import { checkFieldNames, checkMirrors } from '../../../src/resource/mcp/check-mirrors.js'

type McpMessage = Parameters<typeof checkMirrors>[0]

const modern = '2026-07-28'
const message = (change: Partial<McpMessage> = {}): McpMessage => ({
  kind: 'request',
  value: {},
  method: 'tools/call',
  params: { name: 'search' },
  id: 7,
  version: modern,
  ...change,
})
const mirrors = ['MCP-Protocol-Version', modern, 'Mcp-Method', 'tools/call', 'Mcp-Name', 'search']
const reasonOf = (given: McpMessage, rawHeaders: string[], mirrored?: Parameters<typeof checkMirrors>[2]) =>
  checkMirrors(given, { rawHeaders }, mirrored)?.reason

it('accepts headers that match the message', () => {
  expect(checkMirrors(message(), { rawHeaders: mirrors })).toBeUndefined()
})

it('refuses with 400, the code of a header mismatch, and the id of the message', () => {
  const refusal = { status: 400, code: -32_020, reason: 'Mcp-Method does not match the body.' }
  const rawHeaders = mirrors.with(3, 'ping')
  expect(checkMirrors(message(), { rawHeaders })).toEqual({ ...refusal, id: 7 })
  expect(checkMirrors(message({ id: undefined }), { rawHeaders })).toEqual({ ...refusal, id: null })
})

it('refuses a message without a version with the code of invalid params', () => {
  expect(checkMirrors(message({ version: undefined }), { rawHeaders: mirrors })).toMatchObject({
    status: 400,
    code: -32_602,
    id: 7,
  })
})

it.each<[string, McpMessage, string[], string | undefined]>([
  [
    'two versions',
    message(),
    [...mirrors, 'mcp-protocol-version', modern],
    'The MCP-Protocol-Version header occurs more than once.',
  ],
  [
    'another version',
    message(),
    mirrors.with(1, '2026-07-29'),
    'MCP-Protocol-Version does not match the version in _meta.',
  ],
  [
    'no version in the message',
    message({ version: undefined }),
    mirrors,
    'params._meta must contain io.modelcontextprotocol/protocolVersion.',
  ],
  [
    'no version in the headers',
    message(),
    mirrors.slice(2),
    'MCP-Protocol-Version does not match the version in _meta.',
  ],
  ['no method', message(), mirrors.toSpliced(2, 2), 'Mcp-Method is missing.'],
  ['two methods', message(), [...mirrors, 'MCP-METHOD', 'tools/call'], 'The Mcp-Method header occurs more than once.'],
  ['no name', message(), mirrors.slice(0, 4), 'Mcp-Name is missing.'],
  ['another name', message(), mirrors.with(5, 'delete'), 'Mcp-Name does not match the body.'],
  ['an encoded name', message(), mirrors.with(5, '=?base64?c2VhcmNo?='), undefined],
  [
    'an encoded name that cannot be decoded',
    message(),
    mirrors.with(5, '=?base64?/w==?='),
    'Mcp-Name does not match the body.',
  ],
  [
    'text after an encoded name',
    message(),
    mirrors.with(5, '=?base64?c2VhcmNo?=x'),
    'Mcp-Name does not match the body.',
  ],
  [
    'text before an encoded name',
    message(),
    mirrors.with(5, 'x=?base64?c2VhcmNo?='),
    'Mcp-Name does not match the body.',
  ],
  [
    'a name for a method without one',
    message({ method: 'ping', params: {} }),
    mirrors.with(3, 'ping'),
    'Mcp-Name does not match the body.',
  ],
  [
    'no name for a method without one',
    message({ method: 'ping', params: {} }),
    mirrors.with(3, 'ping').slice(0, 4),
    undefined,
  ],
  ['a response without a method', message({ method: undefined, params: {} }), mirrors.slice(0, 2), undefined],
  [
    'a response with a method',
    message({ method: undefined, params: {} }),
    mirrors.slice(0, 4),
    'Mcp-Method does not match the body.',
  ],
  [
    'an older version without headers',
    message({ version: undefined }),
    ['MCP-Protocol-Version', '2025-11-25'],
    undefined,
  ],
  ['no version and no headers', message({ version: undefined }), [], undefined],
  [
    'an older version with a wrong method',
    message({ version: undefined }),
    ['Mcp-Method', 'ping'],
    'Mcp-Method does not match the body.',
  ],
])('%s', (_what, given, rawHeaders, reason) => {
  expect(reasonOf(given, rawHeaders)).toBe(reason)
})

it.each([
  ['prompts/get', 'name', 'hello'],
  ['resources/read', 'uri', 'file:///a'],
])('%s mirrors the %s', (method, member, value) => {
  const given = message({ method, params: { [member]: value } })
  expect(reasonOf(given, mirrors.with(3, method).with(5, value))).toBeUndefined()
  expect(reasonOf(given, mirrors.with(3, method).with(5, 'x'))).toBe('Mcp-Name does not match the body.')
})

it.each([
  [256, undefined],
  [257, `mcp-param-${'a'.repeat(257)} does not match the body.`],
])('may mirror an argument with a name of %i characters', (length, reason) => {
  const name = 'a'.repeat(length)
  const params = { name: 'search', arguments: { [name]: 'x' } }
  expect(reasonOf(message({ params }), [...mirrors, `Mcp-Param-${name}`, 'x'])).toBe(reason)
})

it('does not replace bytes that are not UTF-8', () => {
  const given = message({ params: { name: '\ufffd' } })
  expect(reasonOf(given, mirrors.with(5, '=?base64?/w==?='))).toBe('Mcp-Name does not match the body.')
})

describe('headers that mirror arguments', () => {
  const given = message({
    params: { name: 'search', arguments: { userId: 'a', deep: { page_size: 5, dry: true, list: [1] }, none: null } },
  })
  const sent = (...fields: string[]) => [...mirrors, ...fields]

  it.each<[string, string[], string | undefined]>([
    ['a text', ['Mcp-Param-User-Id', 'a'], undefined],
    ['a number at any depth', ['mcp-param-PageSize', '5'], undefined],
    ['a boolean', ['Mcp-Param-Dry', 'true'], undefined],
    ['an encoded value', ['Mcp-Param-UserId', '=?base64?YQ==?='], undefined],
    ['another value', ['Mcp-Param-User-Id', 'b'], 'mcp-param-user-id does not match the body.'],
    ['an unknown argument', ['Mcp-Param-Other', 'a'], 'mcp-param-other does not match the body.'],
    ['null', ['Mcp-Param-None', 'null'], 'mcp-param-none does not match the body.'],
    ['a list', ['Mcp-Param-List', '1'], 'mcp-param-list does not match the body.'],
    [
      'two values',
      ['Mcp-Param-Dry', 'true', 'mcp-param-dry', 'true'],
      'The mcp-param-dry header occurs more than once.',
    ],
  ])('by name: %s', (_what, fields, reason) => {
    expect(reasonOf(given, sent(...fields))).toBe(reason)
  })

  it.each<[string, string[], string | undefined]>([
    ['with its value', ['Mcp-Param-Who', 'a'], undefined],
    ['with another value', ['Mcp-Param-Who', 'b'], 'mcp-param-who does not match the body.'],
    ['missing', [], 'The mcp-param-who header is missing.'],
    [
      'with another header',
      ['Mcp-Param-Who', 'a', 'Mcp-Param-User-Id', 'a'],
      'mcp-param-user-id does not match the body.',
    ],
  ])('as the definition of the tool says: %s', (_what, fields, reason) => {
    expect(reasonOf(given, sent(...fields), new Map([['who', ['userId']]]))).toBe(reason)
  })

  it('may mirror any of several arguments with the same name', () => {
    const twice = message({ params: { name: 'search', arguments: { id: 'a', deep: { id: 'b' } } } })
    for (const value of ['a', 'b']) expect(reasonOf(twice, sent('Mcp-Param-Id', value))).toBeUndefined()
  })

  it('are not required for arguments that are absent, or in older versions', () => {
    expect(reasonOf(given, mirrors, new Map([['who', ['absent']]]))).toBeUndefined()
    expect(reasonOf({ ...given, version: undefined }, [], new Map([['who', ['userId']]]))).toBeUndefined()
  })
})

it.each([
  'Mcp_Name',
  'mcp.method',
  'MCP--Name',
  'Mcp-Name-',
  '-Mcp-Name',
  'content_type',
  'Content.Encoding',
  'last_event_id',
])('refuses the field name %s', (name) => {
  expect(checkFieldNames({ rawHeaders: ['Accept', 'a', name, 'b'] })).toEqual({
    status: 400,
    code: -32_020,
    reason: `${name} is not accepted: separate the words of header names with single hyphens.`,
    id: null,
  })
})

it.each(['Mcp-Name', 'MCP-Protocol-Version', 'Mcp-Param-a_b', 'Content-Type', 'Last-Event-ID', 'X_Other', 'mcpname'])(
  'accepts the field name %s, and any value',
  (name) => {
    expect(checkFieldNames({ rawHeaders: [name, 'mcp_name'] })).toBeUndefined()
  },
)

it.each(['mcp-name', 'Content-Type', 'content-encoding', 'keep-alive, Last-Event-ID', 'Mcp-Session-Id'])(
  'refuses Connection: %s',
  (value) => {
    const reason = checkFieldNames({ rawHeaders: ['Connection', value] })?.reason
    expect(reason).toBe(`Connection must not name ${value.toLowerCase().replace('keep-alive, ', '')}.`)
  },
)

it('accepts other options of Connection', () => {
  expect(checkFieldNames({ rawHeaders: ['Connection', 'keep-alive, te'] })).toBeUndefined()
})
