import { describe, expect, it } from 'vitest'
import {
  foldedPatterns,
  isUriListed,
  type McpTable,
  mcpNameProblem,
  requireMcpTable,
  scopeFor,
  scopeForTemplate,
  scopeForUri,
  scopesOf,
} from '../../../src/resource/mcp/mcp-table.js'

const table: McpTable = {
  tools: { search: 'notes.read', free: '' },
  prompts: { hello: 'notes.read notes.write' },
  methods: { 'x/ping': 'ping' },
  resources: {
    'notes://mine/*': 'notes.read',
    'notes://mine/private/*': 'notes.private',
    'notes://mine/private/open': '',
    'notes://*/shared': 'notes.shared',
    'file:///srv/*': 'files.read',
    'file:///SRV/secret': 'files.secret',
  },
}

const uriScope = (uri: string) => scopeForUri(table, uri, foldedPatterns(table))

it.each<[keyof McpTable, string, string | undefined]>([
  ['tools', 'search', undefined],
  ['tools', 'search*', 'each of the tools must be listed'],
  ['prompts', '*', 'each of the prompts must be listed'],
  ['methods', 'a*b', 'each of the methods must be listed'],
  ['resources', 'notes://mine/*', undefined],
  ['resources', '*', 'is not a URI in normalized form, such as notes://mine/* or file:///srv/*'],
  ['resources', 'notes://mine/../a', 'is not a URI in normalized form'],
])('the name %s: %s: %s', (kind, name, problem) => {
  if (problem === undefined) expect(mcpNameProblem(kind, name)).toBeUndefined()
  else expect(mcpNameProblem(kind, name)).toContain(problem)
})

it.each<[unknown, string]>([
  [{ tools: [] }, "tools must be an object, such as { tools: { name: 'data.read' } }"],
  [{ prompts: 'a' }, "prompts must be an object, such as { prompts: { name: 'data.read' } }"],
  [{ tools: { 'a*': '' } }, 'tools: a* must be a complete name'],
  [{ methods: { a: 1 } }, "methods: the scope of a must be a string, such as 'data.read', or '' for none"],
  [{ resources: { 'notes://a': 'b  c' } }, 'resources: the scope of notes://a must be a string'],
])('rejects the table %j', (wrong, message) => {
  expect(() => requireMcpTable(wrong as McpTable)).toThrow(message)
})

it('accepts a table, even an empty one', () => {
  expect(() => requireMcpTable(table)).not.toThrow()
  expect(() => requireMcpTable({})).not.toThrow()
})

it('lists all scopes once', () => {
  expect(scopesOf(table)).toEqual([
    'notes.read',
    'notes.private',
    'notes.shared',
    'files.read',
    'files.secret',
    'notes.read notes.write',
    'ping',
  ])
  expect(scopesOf({})).toEqual([])
})

it.each([
  ['tools', 'search', 'notes.read'],
  ['tools', 'free', ''],
  ['tools', 'other', undefined],
  ['tools', 'toString', undefined],
  ['prompts', 'hello', 'notes.read notes.write'],
  ['methods', 'x/ping', 'ping'],
  ['methods', 'search', undefined],
] as const)('the scope of %s %s is %s', (kind, name, scope) => {
  expect(scopeFor(table, kind, name)).toBe(scope)
  expect(scopeFor({}, kind, name)).toBeUndefined()
})

describe('the scopes of a resource', () => {
  it.each([
    ['notes://mine/a', 'notes.read'],
    ['notes://mine/private/a', 'notes.private'],
    ['notes://mine/private/open', ''],
    ['notes://other/shared', 'notes.shared'],
    ['notes://mine/shared', 'notes.read notes.shared'],
    ['notes://mine/private/shared', 'notes.private notes.shared'],
    ['notes://mine/Private/a', 'notes.read notes.private'],
    ['notes://mine/a?b', 'notes.read'],
    ['file:///srv/secret', 'files.read files.secret'],
    ['file:///srv/a', 'files.read'],
    ['notes://other/a', undefined],
    ['notes://mine/../a', undefined],
    ['notes://mine', undefined],
  ])('%s: %s', (uri, scope) => {
    expect(uriScope(uri)).toBe(scope)
    expect(isUriListed(table, uri)).toBe(scope !== undefined)
  })

  it('are none in a table without resources', () => {
    const tools = { tools: { search: 'notes.read' } }
    expect(isUriListed(tools, 'notes://mine/a')).toBe(false)
    expect(scopeForUri(tools, 'notes://mine/a', foldedPatterns(tools))).toBeUndefined()
    expect(scopeForTemplate(tools, 'notes://mine/{id}')).toBeUndefined()
  })

  it('are not those of an entry with an encoded * that some servers decode', () => {
    const resources = { 'file:///srv/*': 'files.read', 'file:///srv/a%2Ab': 'files.secret' }
    const scopeOf = (uri: string) => scopeForUri({ resources }, uri, foldedPatterns({ resources }))
    expect(scopeOf('file:///srv/axb')).toBe('files.read')
    expect(scopeOf('file:///srv/A%2Ab')).toBe('files.read files.secret')
  })

  it.each([
    ['notes://mine/private/{id}', ['notes.private', 'notes.read', 'notes.shared']],
    ['notes://mine/{id}', ['notes.private', 'notes.read', 'notes.shared']],
    ['notes://other/{id}', ['notes.shared']],
    ['notes://other', ['notes.shared']],
    ['NOTES://OTHER/{id}', ['notes.shared']],
    ['file:///srv/{id}', ['files.read', 'files.secret']],
    ['file:///srv/secret', ['files.read', 'files.secret']],
    ['file:///srv/secret/{id}', ['files.read', 'files.secret']],
    ['other://{id}', undefined],
    [`notes://mine/${'a'.repeat(2035)}`, ['notes.read', 'notes.shared']],
    [`notes://mine/${'a'.repeat(2036)}`, undefined],
  ])('that the template %.40s can produce: %j', (template, scopes) => {
    const found = scopeForTemplate(table, template)
    expect(
      found
        ?.split(' ')
        .filter((scope) => scope !== '')
        .sort(),
    ).toEqual(scopes)
  })
})
