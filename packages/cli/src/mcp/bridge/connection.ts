import { unwrap, withServersState } from '../consent/asked-before.js'
import { ConsentNeeded, textResponse } from '../consent/consent-prompter.js'
import { lists, metaKeys, metaOf, versions, withMeta } from '../messages/eras.js'
import {
  type Answer,
  isJsonObject,
  type JsonObject,
  type Message,
  objectIn,
  type RpcNotification,
  type RpcRequest,
  stringIn,
} from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import type { ClientDescription } from '../relay/relay.js'
import type { Exchange } from '../server/post-message.js'
import { connectedText, connectTool, createListHolder, standInList, standInOpening } from './placeholder-server.js'
import { createUpstream, type Presented, type UpstreamOptions } from './upstream.js'

/** A client of one protocol era, and the server as presented to that client. */
export interface Connection {
  answer(request: RpcRequest, signal: AbortSignal): Promise<Answer>
  notify(message: RpcNotification, signal: AbortSignal): Promise<void>
  /** The user has given consent, so lists may have more entries. */
  allowed(): void
  close(): Promise<void>
}

/** How long a server may take to respond to a client's first request, in milliseconds. */
const longestStart = 10_000

export function createConnection(options: UpstreamOptions): Connection {
  const { client } = options
  const { host } = new URL(options.url)
  const upstream = createUpstream(options)
  const holder = createListHolder(client)
  let description: ClientDescription | undefined
  /** Whether the client currently sees the stand-in instead of the real server. */
  let isStandIn = false
  /** Whether the connect tool belongs to the bridge. If so, a model may call it even after the server's tools have replaced it. */
  let isConnectOwn = false

  const sentBy = (request: RpcRequest, signal: AbortSignal, agreedTo?: string) => {
    return { request, signal, agreedTo, capabilities: description?.capabilities ?? {} }
  }

  /** Responds to a client's first request. Never waits for the user. */
  async function openWith(request: RpcRequest, described: ClientDescription, signal: AbortSignal): Promise<Answer> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new ServerProblem(`${host} did not respond in time.`)), longestStart)
    const exchange = upstream.exchangeFor(sentBy(request, AbortSignal.any([signal, late.signal])))
    try {
      const { relay, answer: presentation } = await upstream.open(described, exchange)
      return client.era === 'sessions' ? withLogs(presentation) : await relay.request(request, exchange)
    } catch (error) {
      if (error instanceof ConsentNeeded) {
        isStandIn = true
        return standInOpening(client.era, host, request.params)
      }
      throw late.signal.aborted ? late.signal.reason : error
    } finally {
      clearTimeout(timer)
    }
  }

  async function connect(request: RpcRequest, exchange: Exchange): Promise<Answer> {
    const { relay } = await upstream.open(describedBy(request, description), exchange)
    const meta = client.era === 'stateless' ? metaOf(request) : {}
    // Lists may need a separate consent.
    const list = withMeta({ jsonrpc: '2.0', id: `countersign-list-${String(request.id)}`, method: 'tools/list' }, meta)
    const answer = await relay.request(list, exchange)
    if ('error' in answer) return answer
    changed()
    const kind = client.era === 'stateless' ? { resultType: 'complete' } : {}
    return { result: { content: [{ type: 'text', text: connectedText(host) }], ...kind } }
  }

  function changed(): void {
    if (!isStandIn) return
    isStandIn = false
    holder.changed()
  }

  async function answer(given: RpcRequest, signal: AbortSignal): Promise<Answer> {
    const { request, said, mark } = unwrap(given)
    const { method, params } = request
    const described = describedBy(request, description)
    description = described
    if (said === 'decline') {
      if (mark !== undefined) options.consent.declined(mark)
      return textResponse({ request, client }, `Not allowed: the user declined to decide about ${host}.`)
    }
    if (method === 'initialize' || method === 'server/discover') return openWith(request, described, signal)
    if (method === 'logging/setLevel' && client.era === 'sessions' && !hasLogs(upstream.opened())) return { result: {} }
    if (isStandIn && method === 'ping') return { result: {} }
    const exchange = upstream.exchangeFor(sentBy(request, signal, mark))
    try {
      if (isConnectOwn && method === 'tools/call' && params?.name === connectTool)
        return await connect(request, exchange)
      const { relay } = await upstream.open(described, exchange)
      const answered = withServersState(await relay.request(request, exchange))
      if (hasConnect(method, answered)) isConnectOwn = false
      return answered
    } catch (error) {
      if (!(error instanceof ConsentNeeded)) throw error
      if (method === 'subscriptions/listen') return holdListener(request, exchange)
      isStandIn ||= method in lists
      isConnectOwn ||= method === 'tools/list'
      return standInList(client.era, host, method) ?? textResponse({ request, client }, needsConsent(host, request))
    }
  }

  /** Holds a subscription to changes, for a server that accepts subscriptions only with consent. */
  async function holdListener(request: RpcRequest, exchange: Exchange): Promise<Answer> {
    holder.acknowledge(request)
    const toClient = (message: Message) => {
      if (!('method' in message) || message.method !== 'notifications/subscriptions/acknowledged')
        exchange.toClient(message)
    }
    const again = { ...exchange, toClient }
    for (;;) {
      isStandIn = true
      await holder.hold(request, exchange.signal)
      try {
        const { relay } = await upstream.open(describedBy(request, description), again)
        return await relay.request(request, again)
      } catch (error) {
        if (!(error instanceof ConsentNeeded)) throw error
      }
    }
  }

  return {
    answer,
    notify: (message, signal) => upstream.notify(message, signal),
    allowed: changed,
    close: () => upstream.close(),
  }
}

/** Whether the server has log messages. The bridge's own messages have no level that a client could set. */
function hasLogs(server: Presented | undefined): boolean {
  return (
    server !== undefined && 'result' in server.answer && 'logging' in objectIn(server.answer.result, 'capabilities')
  )
}

/** Whether the server itself has a tool with the same name as the bridge's connect tool. */
function hasConnect(method: string, answer: Answer): boolean {
  if (method !== 'tools/list' || 'error' in answer || !Array.isArray(answer.result.tools)) return false
  return answer.result.tools.some((tool) => stringIn(tool, 'name') === connectTool)
}

/** Explains how the user can be prompted for consent if the request itself does not prompt them. */
function needsConsent(host: string, { method, params }: RpcRequest): string {
  const { type } = objectIn(params, 'ref')
  const isOfPrompt = method === 'completion/complete' && type === 'ref/prompt'
  const what = isOfPrompt ? 'use the prompt' : type === 'ref/resource' ? 'read the resource' : 'call a tool'
  return `${host} needs your consent first. To give it, ${what}.`
}

/** Returns the client's description of itself, from `initialize` or from the request. */
function describedBy(request: RpcRequest, before: ClientDescription | undefined): ClientDescription {
  const { method, params = {} } = request
  const meta = metaOf(request)
  const isComplete = metaKeys.version in meta
  if (method !== 'initialize' && !isComplete && before) return before
  const source: JsonObject = isComplete
    ? { capabilities: meta[metaKeys.clientCapabilities], clientInfo: meta[metaKeys.clientInfo] }
    : params
  const protocolVersion =
    (isComplete ? stringIn(meta, metaKeys.version) : stringIn(params, 'protocolVersion')) || versions.sessions
  const clientInfo = isJsonObject(source.clientInfo) ? source.clientInfo : { name: 'unnamed', version: '0' }
  const more = isComplete ? {} : params
  return { ...more, protocolVersion, capabilities: objectIn(source, 'capabilities'), clientInfo }
}

/** Adds the logging capability: the bridge logs where the user can decide, even if the server has no log messages. */
function withLogs(answer: Answer): Answer {
  if ('error' in answer) return answer
  return { result: { ...answer.result, capabilities: { logging: {}, ...objectIn(answer.result, 'capabilities') } } }
}
