import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'

function newServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_notes', {}, async ({ http }) => {
    const { sub } = http?.authInfo?.extra ?? {} // the user who allowed the call
    return { content: [{ type: 'text', text: JSON.stringify({ user: sub, notes: ['Buy milk'] }) }] }
  })
  return server
}

/** The MCP server at `/mcp`, and the documents that agents and auth servers read. */
export function createHandler(options: Omit<ResourceOptions, 'scopes'>): Handler {
  const resource = createResource({
    scopes: { 'notes.read': 'See your notes' }, // shown on the consent page
    ...options,
  })
  // A tool that is not in this table is hidden, and refused.
  const mcp = protectMcp(resource, { tools: { read_notes: 'notes.read' } })
  const server = mcp.around(createMcpHandler(newServer).fetch)
  return (request, received) =>
    new URL(request.url).pathname === '/mcp' ? server(request, received) : resource.handler(request, received)
}
