import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js'
import { echo, page, prompts, question, resources, sampling, text, tools } from './offered.js'
import type { McpServerAtHand } from './protected-server.js'

/** A server with sessions, of the first SDK. */
export function sessionEra(): McpServerAtHand {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()
  const servers = new Set<Server>()
  const givenUp: string[] = []
  return {
    givenUp,
    async answer(request) {
      const id = request.headers.get('mcp-session-id')
      const known = id === null ? undefined : sessions.get(id)
      if (known) return known.handleRequest(request)
      if (id !== null) return Response.json({ error: 'no such session' }, { status: 404 })
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (opened) => void sessions.set(opened, transport),
      })
      const server = createSessionServer(givenUp)
      servers.add(server)
      await server.connect(transport)
      return transport.handleRequest(request)
    },
    toolsChanged: () => servers.forEach((server) => void server.sendToolListChanged().catch(() => undefined)),
    resourceChanged: () =>
      servers.forEach((server) => void server.sendResourceUpdated({ uri: 'note://one' }).catch(() => undefined)),
    close: async () => void (await Promise.all([...servers].map((server) => server.close()))),
  }
}

function createSessionServer(givenUp: string[]): Server {
  const server = new Server(
    { name: 'notes', version: '1' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true },
        prompts: {},
        completions: {},
        logging: {},
      },
      instructions: 'Be kind.',
    },
  )
  server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools: [...tools] }))
  server.setRequestHandler(ListResourcesRequestSchema, async () => ({ resources }))
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => ({
    contents: [{ uri, text: 'a note' }],
  }))
  server.setRequestHandler(SubscribeRequestSchema, async () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}))
  server.setRequestHandler(ListPromptsRequestSchema, async () => ({ prompts }))
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${params.arguments?.who}` } }],
  }))
  server.setRequestHandler(CompleteRequestSchema, async () => ({ completion: { values: ['Ada'] } }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const { progressToken } = extra._meta ?? {}
    switch (params.name) {
      case 'slow':
        if (progressToken !== undefined)
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: 1, total: 2, message: 'half' },
          })
        await setTimeout(50)
        return text('done')
      case 'endless':
        return new Promise((resolve) => {
          extra.signal.addEventListener('abort', () => {
            givenUp.push('endless')
            resolve(text('given up'))
          })
        })
      case 'ask': {
        const { action, content } = await server.elicitInput(question, { relatedRequestId: extra.requestId })
        return text(`${action} ${String(content?.name)}`)
      }
      case 'aside': {
        await server.sendLoggingMessage({ level: 'error', data: 'logged aside' })
        const { roots } = await server.listRoots()
        const { model } = await server.createMessage(sampling)
        return text(`${roots[0]?.uri} ${model}`)
      }
      case 'client': {
        const related = { relatedRequestId: extra.requestId }
        const { roots } = await server.listRoots(undefined, related)
        const { model } = await server.createMessage(sampling, related)
        return text(`${roots[0]?.uri} ${model}`)
      }
      case 'log':
        await extra.sendNotification({ method: 'notifications/message', params: { level: 'error', data: 'logged' } })
        await setTimeout(50)
        return text('done')
      case 'page':
        throw new UrlElicitationRequiredError([{ ...page, elicitationId: 'one' }])
      default:
        return text(echo(params.name, params.arguments))
    }
  })
  return server
}
