import { describe, expect, it } from 'vitest'
import { readMcpMessage } from '../../../src/resource/mcp/mcp-message.js'

const version = 'io.modelcontextprotocol/protocolVersion'
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'search' } }

const parts: Record<string, { members: string[]; within: (object: object) => object }> = {
  message: {
    members: ['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
    within: (object) => ({ ...call, ...object }),
  },
  params: {
    members: ['name', 'uri', 'arguments', 'ref', 'notifications', '_meta', 'requestState', 'inputResponses'],
    within: (params) => ({ ...call, params }),
  },
  ref: { members: ['type', 'name', 'uri'], within: (ref) => ({ ...call, params: { ref } }) },
  notifications: {
    members: ['resourceSubscriptions', 'toolsListChanged', 'promptsListChanged', 'resourcesListChanged'],
    within: (notifications) => ({ ...call, params: { notifications } }),
  },
  _meta: { members: [version], within: (_meta) => ({ ...call, params: { _meta } }) },
}
const members = Object.entries(parts).flatMap(([part, { members: names, within }]) =>
  names.map((name) => [part, name, within] as const),
)

describe('a member that could be mistaken for another one is refused', () => {
  const spellings = (name: string) => [
    name.toUpperCase(),
    `${name}\0`,
    `\u200b${name}`,
    `${name}\u00ad`,
    name.replace(/[a-z]/, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
  ]

  it.each(members)('%s: %s', (part, name, within) => {
    for (const spelling of spellings(name))
      expect(readMcpMessage(within({ [spelling]: 1 })), spelling).toMatchObject({
        status: 400,
        code: -32_600,
        reason: expect.stringMatching(`^${part} has an unknown member "`),
        id: 1,
      })
  })

  it.each([
    ['a dotless ı', { params: {}, ıd: 1 }],
    ['a capital İ', { İd: 1 }],
    ['a letter that NFKC expands', { '\u{1d5c6}ethod': 1 }],
  ])('with %s', (_what, more) => {
    expect(readMcpMessage({ ...call, ...more })).toHaveProperty('reason')
  })

  it('names at most 100 characters of it', () => {
    const result = readMcpMessage({ ...call, [`\0${'a'.repeat(200)}`]: 1 })
    expect('reason' in result && result.reason).toBe(`message has an unknown member "\\u0000${'a'.repeat(99)}".`)
  })
})

it.each([
  { ...call, extra: 1, methods: 1, Params2: 1 },
  { ...call, params: { name: 'a', Arguments_: {}, other: { NAME: 1, URI: 1 } } },
  { ...call, params: { arguments: { NAME: 1, Uri: 'a' } } },
  { ...call, params: { _meta: { [version]: '2026-07-28', 'io.example/other': 1 } } },
])('accepts other members: %j', (body) => {
  expect(readMcpMessage(body)).toMatchObject({ kind: 'request', value: body, method: 'tools/call' })
})

describe('the kind of a message', () => {
  it.each([
    [call, { kind: 'request', id: 1, method: 'tools/call', params: { name: 'search' } }],
    [
      { ...call, id: 'a' },
      { kind: 'request', id: 'a' },
    ],
    [
      { ...call, id: 0 },
      { kind: 'request', id: 0 },
    ],
    [
      { jsonrpc: '2.0', method: 'ping' },
      { kind: 'notification', id: undefined, params: {}, version: undefined },
    ],
    [{ ...call, params: { _meta: { [version]: '2026-07-28' } } }, { version: '2026-07-28' }],
    [
      { jsonrpc: '2.0', id: 1, result: {} },
      { kind: 'response', id: 1, method: undefined, params: {} },
    ],
    [
      { jsonrpc: '2.0', id: 'a', error: {} },
      { kind: 'response', id: 'a' },
    ],
  ])('of %j', (body, expected) => {
    expect(readMcpMessage(body)).toMatchObject(expected)
  })

  it.each<[unknown, string, string | number | null]>([
    [[call], 'The body must be one JSON-RPC message: batches are not accepted.', null],
    [null, 'The body must be one JSON-RPC message: batches are not accepted.', null],
    ['a', 'The body must be one JSON-RPC message: batches are not accepted.', null],
    [{ ...call, jsonrpc: '1.0' }, 'jsonrpc must be "2.0".', 1],
    [{ ...call, jsonrpc: undefined, id: 'a' }, 'jsonrpc must be "2.0".', 'a'],
    [{ ...call, id: 1.5 }, 'id must be a string or a whole number.', null],
    [{ ...call, id: null }, 'id must be a string or a whole number.', null],
    [{ ...call, method: 1 }, 'method must be a string.', 1],
    [{ ...call, result: {} }, 'A message must be either a request or a response, not both.', 1],
    [{ ...call, error: {} }, 'A message must be either a request or a response, not both.', 1],
    [{ ...call, params: [] }, 'params must be an object.', 1],
    [{ ...call, params: null }, 'params must be an object.', 1],
    [{ ...call, params: { _meta: 'a' } }, '_meta must be an object.', 1],
    [{ ...call, params: { _meta: { [version]: 1 } } }, `${version} must be a string.`, 1],
    [{ jsonrpc: '2.0', id: 1 }, 'The message has no method and is not a response.', 1],
    [{ jsonrpc: '2.0', id: 1, result: {}, error: {} }, 'The message has no method and is not a response.', 1],
    [{ jsonrpc: '2.0', result: {} }, 'The message has no method and is not a response.', null],
  ])('%j is refused: %s', (body, reason, id) => {
    expect(readMcpMessage(body)).toEqual({ status: 400, code: -32_600, reason, id })
  })
})
