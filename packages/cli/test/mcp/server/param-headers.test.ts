import { expect, it } from 'vitest'
import { createParamHeaders, headerText } from '../../../src/mcp/server/param-headers.js'

const tool = (inputSchema: object) => ({ name: 'query', inputSchema: { type: 'object', ...inputSchema } })
const shown = (type: string, header: unknown = 'Where') => ({ type, 'x-mcp-header': header })

it('sends the parameters that a definition names, including nested ones, but none that are missing', () => {
  const headers = createParamHeaders(() => undefined)
  const properties = {
    where: shown('string'),
    flags: { type: 'object', properties: { dry: shown('boolean', 'Dry'), depth: shown('integer', 'Depth') } },
    other: shown('string', 'Other'),
  }
  expect(headers.learn([tool({ properties })])).toHaveLength(1)
  const args = { where: 'Zürich', flags: { dry: true, depth: 42 }, other: null }
  expect(headers.of({ name: 'query', arguments: args })).toEqual({
    'mcp-param-where': '=?base64?WsO8cmljaA==?=',
    'mcp-param-dry': 'true',
    'mcp-param-depth': '42',
  })
  expect(headers.of({ name: 'unknown', arguments: args })).toEqual({})
})

// The examples of the specification.
it.each([
  ['us-west1', 'us-west1'],
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ['', '=?base64??='],
])('writes %j as %s', (value, text) => {
  expect(headerText(value)).toBe(text)
})

it.each<[object, RegExp]>([
  [{ properties: { a: shown('number') } }, /type number/],
  [{ properties: { a: shown('string', '') } }, /not a valid header name/],
  [{ properties: { a: shown('string', 'a b') } }, /not a valid header name/],
  [{ properties: { a: shown('string', 7) } }, /not a valid header name/],
  [{ properties: { a: shown('string', 'X'), b: shown('string', 'x') } }, /two of its parameters/],
  [{ properties: { a: { type: 'array', items: shown('string') } } }, /is set on something other than a parameter/],
  [{ anyOf: [{ properties: { a: shown('string') } }] }, /is set on something other than a parameter/],
  [shown('object'), /is set on something other than a parameter/],
])('leaves out a tool whose definition is %j', (schema, why) => {
  const problems: string[] = []
  const headers = createParamHeaders((text) => problems.push(text))
  const sound = { name: 'sound', inputSchema: { type: 'object', properties: { 'x-mcp-header': { type: 'string' } } } }
  expect(headers.learn([tool(schema), sound])).toEqual([sound])
  expect(problems).toEqual([expect.stringMatching(why)])
})
