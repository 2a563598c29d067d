import { describe, expect, it } from 'vitest'
import { mcpSettings } from '../../src/gateway/mcp-settings.js'

describe('the table for an MCP server', () => {
  const nothing = { name: 'My notes', title: 'My notes', tools: [], resources: [], prompts: [] }

  it('has a scope to read for what only reads, and one to change data for everything else', () => {
    const offer = {
      ...nothing,
      tools: [
        { name: 'list', isReadOnly: true },
        { name: 'add', isReadOnly: false },
        { name: 'remove', isReadOnly: false },
      ],
      resources: ['notes://1', 'NOTES://{id}', 'urn:note:{id}', 'file:///srv/a.txt'],
    }
    const { scopes, mcp, notes } = mcpSettings('/mcp', offer)
    expect(mcp).toEqual({
      path: '/mcp',
      tools: { list: 'my-notes.read', add: 'my-notes.write', remove: 'my-notes.write' },
      resources: { 'notes://*': 'my-notes.read', 'urn:*': 'my-notes.read', 'file://*': 'my-notes.read' },
    })
    expect(Object.keys(scopes)).toEqual(['my-notes.read', 'my-notes.write'])
    expect(notes.join('\n')).toMatch(/do not declare that they only read, .*\(my-notes\.write\): add, remove\./)
  })

  it('contains no scope that nothing requires, and names what it skips', () => {
    const offer = { ...nothing, name: '日本', tools: [{ name: 'a*', isReadOnly: false }], prompts: ['greet'] }
    const { scopes, mcp, notes } = mcpSettings('/mcp', offer)
    expect(mcp).toEqual({ path: '/mcp', prompts: { greet: 'mcp.read' } })
    expect(Object.keys(scopes)).toEqual(['mcp.read'])
    expect(notes.join('\n')).toMatch(/a\* in tools is skipped: it must be a complete name/)
    expect(() => mcpSettings('/mcp', nothing)).toThrow('offers no usable tools, resources or prompts')
  })
})
