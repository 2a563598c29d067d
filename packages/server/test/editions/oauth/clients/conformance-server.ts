import { setTimeout } from 'node:timers/promises'
import { completable, createMcpHandler, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import type { McpTable } from 'countersign/resource/mcp'
import { z } from 'zod'

/** A picture and a sound of the smallest size. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

const text = (value: string) => ({ type: 'text' as const, text: value })
const image = { type: 'image' as const, data: png, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, content: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: content },
})

const results = {
  test_simple_text: [text('This is a simple text response for testing.')],
  test_image_content: [image],
  test_audio_content: [{ type: 'audio' as const, data: wav, mimeType: 'audio/wav' }],
  test_embedded_resource: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  test_multiple_content_types: [
    text('Multiple content types test:'),
    image,
    embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ],
}

/** The scopes of {@link createConformanceHandler}. */
export const conformanceTable: McpTable = {
  tools: Object.fromEntries(
    [...Object.keys(results), 'test_error_handling', 'test_tool_with_progress'].map((name) => [name, 'notes.read']),
  ),
  resources: { 'test://*': 'notes.read' },
  prompts: Object.fromEntries(
    [
      'test_simple_prompt',
      'test_prompt_with_arguments',
      'test_prompt_with_embedded_resource',
      'test_prompt_with_image',
    ].map((name) => [name, 'notes.read']),
  ),
}

/** The part of the conformance suite's server that needs no session, for clients of both eras. */
export function createConformanceHandler(): (request: Request) => Promise<Response> {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'conformance', version: '1.0.0' })
      registerTools(server)
      registerResources(server)
      registerPrompts(server)
      return server
    },
    { legacy: 'stateless' },
  )
  return (request) => handler.fetch(request)
}

function registerTools(server: McpServer): void {
  for (const [name, content] of Object.entries(results))
    server.registerTool(name, { description: `Returns the content of ${name}` }, async () => ({ content }))
  server.registerTool('test_error_handling', { description: 'Fails' }, async () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  server.registerTool('test_tool_with_progress', { description: 'Reports progress' }, async ({ mcpReq }) => {
    const { progressToken } = mcpReq._meta ?? {}
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined)
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
      await setTimeout(50)
    }
    return { content: [text('done')] }
  })
}

function registerResources(server: McpServer): void {
  const described = { description: 'A resource', mimeType: 'text/plain' }
  server.registerResource('static-text', 'test://static-text', described, async ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }],
  }))
  const picture = { description: 'A picture', mimeType: 'image/png' }
  server.registerResource('static-binary', 'test://static-binary', picture, async ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'image/png', blob: png }],
  }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  const data = { description: 'Data by id', mimeType: 'application/json' }
  server.registerResource('template', template, data, async ({ href: uri }, { id }) => ({
    contents: [
      {
        uri,
        mimeType: 'application/json',
        text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }),
      },
    ],
  }))
}

function registerPrompts(server: McpServer): void {
  const user = (content: ReturnType<typeof text> | typeof image | ReturnType<typeof embedded>) => ({
    role: 'user' as const,
    content,
  })
  server.registerPrompt('test_simple_prompt', { description: 'A prompt' }, async () => ({
    messages: [user(text('This is a simple prompt for testing.'))],
  }))
  const suggest = (value: string) => ['paris', 'park', 'party'].filter((each) => each.startsWith(value))
  const argsSchema = z.object({ arg1: completable(z.string(), suggest), arg2: z.string() })
  server.registerPrompt('test_prompt_with_arguments', { description: 'Arguments', argsSchema }, async (given) => ({
    messages: [user(text(`Prompt with arguments: arg1='${given.arg1}', arg2='${given.arg2}'`))],
  }))
  const uriSchema = z.object({ resourceUri: z.string() })
  const withResource = { description: 'A prompt with a resource', argsSchema: uriSchema }
  server.registerPrompt('test_prompt_with_embedded_resource', withResource, async ({ resourceUri }) => ({
    messages: [
      user(embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
      user(text('Please process the embedded resource above.')),
    ],
  }))
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with a picture' }, async () => ({
    messages: [user(image), user(text('Please analyze the image above.'))],
  }))
}
