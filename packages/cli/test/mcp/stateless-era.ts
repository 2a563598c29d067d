import { setTimeout } from 'node:timers/promises'
import {
  createMcpHandler,
  inputRequired,
  inputResponse,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { echo, page, prompts, question, resources, sampling, text, tools } from './offered.js'
import type { McpServerAtHand } from './protected-server.js'

/** A server without sessions, of the second SDK, which may also accept older clients. */
export function statelessEra(legacy: 'stateless' | 'reject' = 'reject'): McpServerAtHand {
  const givenUp: string[] = []
  const handler = createMcpHandler(() => createStatelessServer(givenUp), { legacy })
  return {
    givenUp,
    answer: async (request) => (await missingHeader(request)) ?? handler.fetch(request),
    toolsChanged: () => handler.notify.toolsChanged(),
    resourceChanged: () => handler.notify.resourceUpdated('note://one'),
    close: () => handler.close(),
  }
}

/** The rejection of a call that lacks a parameter in its header: the SDK only checks those in its own registry of tools. */
async function missingHeader(request: Request): Promise<Response | undefined> {
  if (request.headers.get('mcp-name') !== 'region') return undefined
  const { id, params } = (await request.clone().json()) as { id: unknown; params: { arguments: { where: string } } }
  const encoded = `=?base64?${Buffer.from(params.arguments.where).toString('base64')}?=`
  if (request.headers.get('mcp-param-where') === encoded) return undefined
  return Response.json({ jsonrpc: '2.0', id, error: { code: -32020, message: 'Header mismatch' } }, { status: 400 })
}

function createStatelessServer(givenUp: string[]): Server {
  const server = new Server(
    { name: 'notes', version: '2' },
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
  server.setRequestHandler('tools/list', async () => ({ tools: [...tools] }))
  server.setRequestHandler('resources/list', async () => ({ resources }))
  server.setRequestHandler('resources/read', async ({ params: { uri } }) => ({ contents: [{ uri, text: 'a note' }] }))
  server.setRequestHandler('prompts/list', async () => ({ prompts }))
  server.setRequestHandler('prompts/get', async ({ params }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${params.arguments?.who}` } }],
  }))
  server.setRequestHandler('completion/complete', async () => ({ completion: { values: ['Ada'] } }))
  server.setRequestHandler('tools/call', async ({ params }, ctx) =>
    call(params.name, params.arguments ?? {}, ctx, givenUp),
  )
  return server
}

async function call(name: string, args: Record<string, unknown>, ctx: ServerContext, givenUp: string[]) {
  const { mcpReq } = ctx
  switch (name) {
    case 'slow': {
      const progressToken = mcpReq._meta?.progressToken
      if (progressToken !== undefined)
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress: 1, total: 2, message: 'half' },
        })
      await setTimeout(50)
      return text('done')
    }
    case 'endless':
      return new Promise<ReturnType<typeof text>>((resolve) => {
        mcpReq.signal.addEventListener('abort', () => {
          givenUp.push('endless')
          resolve(text('given up'))
        })
      })
    case 'ask': {
      const said = inputResponse(mcpReq.inputResponses, 'name')
      if (said.kind !== 'elicit') return inputRequired({ inputRequests: { name: inputRequired.elicit(question) } })
      return text(`${said.action} ${String(said.content?.name)}`)
    }
    case 'aside':
    case 'client': {
      if (name === 'aside' && !mcpReq.inputResponses) await mcpReq.log('error', 'logged aside')
      const roots = inputResponse(mcpReq.inputResponses, 'roots')
      const said = inputResponse(mcpReq.inputResponses, 'said')
      if (roots.kind === 'roots' && said.kind === 'sampling') return text(`${roots.roots[0]?.uri} ${said.result.model}`)
      const inputRequests = { roots: inputRequired.listRoots(), said: inputRequired.createMessage(sampling) }
      return inputRequired({ inputRequests })
    }
    case 'log':
      await mcpReq.log('error', 'logged')
      await setTimeout(50)
      return text('done')
    case 'page':
      if (mcpReq.inputResponses) return text('opened')
      return inputRequired({ inputRequests: { page: inputRequired.elicitUrl(page) } })
    default:
      return text(echo(name, args))
  }
}
