import { lists, versions } from '../mcp/messages/eras.js'
import {
  type Answer,
  isJsonObject,
  type JsonObject,
  notification,
  objectIn,
  refusal,
  rpcCodes,
  stringIn,
} from '../mcp/messages/json-rpc.js'
import { ServerProblem } from '../mcp/messages/server-problem.js'
import { openRelay } from '../mcp/relay/open-relay.js'
import type { Client, Relay } from '../mcp/relay/relay.js'
import type { Exchange } from '../mcp/server/post-message.js'

/** What an MCP server offers, as it describes itself. */
export interface McpOffer {
  name: string
  /** The name to show to users. */
  title: string
  tools: { name: string; isReadOnly: boolean }[]
  /** URIs, and URI templates. */
  resources: string[]
  prompts: string[]
}

/** Maximum time to read a server's lists, in milliseconds. */
const longest = 30_000

/** Maximum number of pages of one list. */
const mostPages = 100

/**
 * Connects to an unprotected MCP server of either era, and reads its lists.
 *
 * @throws ServerProblem if it is not an MCP server, and what `fetch` throws if it does not respond
 */
export async function readMcpOffer(url: string): Promise<McpOffer> {
  const { host } = new URL(url)
  const ending = new AbortController()
  const exchange: Exchange = {
    send: (init) => fetch(url, { ...init, redirect: 'manual' }),
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(longest)]),
    toClient: () => undefined,
  }
  const description = {
    protocolVersion: versions.sessions,
    capabilities: {},
    clientInfo: { name: 'countersign-gateway-init', version: '1' },
  }
  const options = { host, client: silentClient, description, standing: exchange, onProblem: () => undefined }
  try {
    const opened = await openRelay(options, exchange)
    if ('refused' in opened) throw refused(host, 'initialize', opened.refused)
    const { relay, answer } = opened
    try {
      await relay.notify(notification('notifications/initialized'), exchange)
      return await readLists(relay, { host, exchange, opening: 'result' in answer ? answer.result : {} })
    } finally {
      await relay.close()
    }
  } finally {
    ending.abort()
  }
}

/** Does not respond to any request from the server. */
const silentClient: Client = {
  era: 'sessions',
  tell: () => undefined,
  ask: async () => refusal(rpcCodes.methodNotFound, 'Not supported.'),
  withdraw: () => undefined,
}

interface Opened {
  host: string
  exchange: Exchange
  /** The result of `initialize`. */
  opening: JsonObject
}

async function readLists(relay: Relay, opened: Opened): Promise<McpOffer> {
  const serverInfo = objectIn(opened.opening, 'serverInfo')
  const name = stringIn(serverInfo, 'name')
  const capabilities = objectIn(opened.opening, 'capabilities')
  const list = async (method: string) =>
    Object.hasOwn(capabilities, method.split('/', 1)[0] ?? '') ? readList(relay, method, opened) : []
  const tools = await list('tools/list')
  const resources = await list('resources/list')
  const templates = await list('resources/templates/list')
  const prompts = await list('prompts/list')
  return {
    name,
    title: stringIn(serverInfo, 'title') || name,
    tools: tools.map((tool) => ({
      name: stringIn(tool, 'name'),
      isReadOnly: objectIn(tool, 'annotations').readOnlyHint === true,
    })),
    resources: [
      ...resources.map((resource) => stringIn(resource, 'uri')),
      ...templates.map((template) => stringIn(template, 'uriTemplate')),
    ],
    prompts: prompts.map((prompt) => stringIn(prompt, 'name')),
  }
}

/** Reads all pages of a list. A server without this list offers none. */
async function readList(relay: Relay, method: string, { host, exchange }: Opened): Promise<JsonObject[]> {
  const items: JsonObject[] = []
  let cursor: unknown
  for (let page = 0; page < mostPages; page++) {
    const params = typeof cursor === 'string' ? { cursor } : {}
    const answer = await relay.request({ jsonrpc: '2.0', id: `${method}-${page}`, method, params }, exchange)
    if ('error' in answer) {
      if (answer.error.code === rpcCodes.methodNotFound) return items
      throw refused(host, method, answer)
    }
    const listed = answer.result[lists[method] ?? '']
    items.push(...(Array.isArray(listed) ? listed.filter(isJsonObject) : []))
    cursor = answer.result.nextCursor
    if (typeof cursor !== 'string') return items
  }
  throw new ServerProblem(`${host} has more than ${mostPages} pages of ${method}.`)
}

function refused(host: string, method: string, answer: Answer): ServerProblem {
  return new ServerProblem(`${host} refused ${method}: ${'error' in answer ? answer.error.message : ''}`)
}
