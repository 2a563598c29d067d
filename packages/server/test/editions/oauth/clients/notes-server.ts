import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'

/** The tools of {@link createNotesHandler}, and the scope that each needs. */
export const tools = { read_notes: 'notes.read', write_notes: 'notes.write' } as const

export type Tool = keyof typeof tools

/** An MCP server with two tools, for clients of both eras, without protection. */
export function createNotesHandler(): (request: Request) => Promise<Response> {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'notes', version: '1.0.0' })
      for (const name of Object.keys(tools))
        server.registerTool(name, { description: name }, async () => ({
          content: [{ type: 'text', text: `${name} done` }],
        }))
      return server
    },
    { legacy: 'stateless' },
  )
  return (request) => handler.fetch(request)
}
