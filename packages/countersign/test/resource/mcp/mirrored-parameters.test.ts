import { describe, expect, it } from 'vitest'
import { mirroredParameters, valueAt } from '../../../src/resource/mcp/mirrored-parameters.js'

/** A schema with a mirrored parameter below this number of members. */
function nested(depth: number): object {
  let schema: object = { 'x-mcp-header': 'Deep' }
  for (let level = 0; level < depth; level++) schema = { properties: { a: schema } }
  return schema
}

describe('the mirrored parameters of tools', () => {
  const find = (inputSchema: unknown) =>
    Object.fromEntries(mirroredParameters([{ name: 'tool', inputSchema }]).get('tool') ?? [])

  it.each<[string, unknown, object]>([
    ['no schema', undefined, {}],
    ['a schema that is no object', 'string', {}],
    ['properties that are none', { properties: 'none' }, {}],
    ['a header that is none', { properties: { region: { 'x-mcp-header': 7 } } }, {}],
    [
      'two parameters',
      { properties: { region: { 'x-mcp-header': 'Region' }, to: { properties: { id: { 'x-mcp-header': 'TO' } } } } },
      { region: ['region'], to: ['to', 'id'] },
    ],
    ['a parameter at depth 20', nested(20), { deep: Array.from({ length: 20 }, () => 'a') }],
    ['a deeper parameter', nested(21), {}],
  ])('are found in %s', (_what, schema, found) => {
    expect(find(schema)).toEqual(found)
  })

  it('belong to the tools with a name', () => {
    const tools = mirroredParameters([
      null,
      'tool',
      {},
      { name: 7 },
      { name: 'one' },
      { name: 'two', inputSchema: nested(1) },
    ])
    expect([...tools].map(([name, { size }]) => [name, size])).toEqual([
      ['one', 0],
      ['two', 1],
    ])
  })
})

it.each<[unknown, string[], unknown]>([
  [{ a: { b: 1 } }, ['a', 'b'], 1],
  [{ a: { b: 1 } }, ['a', 'c'], undefined],
  [{ a: { b: 1 } }, ['c', 'b'], undefined],
  [{ a: null }, ['a', 'b'], undefined],
  [{}, ['toString'], undefined],
  ['text', ['length'], undefined],
  [7, [], 7],
])('the value in %j at %j is %j', (value, path, found) => {
  expect(valueAt(value, path)).toBe(found)
})
