import { AgentError } from 'countersign/agent'
import { unwrap, withServersState } from '../consent/asked-before.js'
import { AnsweredInstead, answerInWords, type ConsentAsker, ConsentNeeded } from '../consent/consent-asker.js'
import { lists, metaKeys, metaOf, versions, withMeta } from '../messages/eras.js'
import {
  type Answer,
  isJsonObject,
  type JsonObject,
  type Message,
  notification,
  objectIn,
  type RpcNotification,
  type RpcRequest,
  stringIn,
} from '../messages/json-rpc.js'
import { ServerProblem } from '../messages/server-problem.js'
import { openRelay } from '../relay/open-relay.js'
import type { Client, ClientDescription, Opened, Relay } from '../relay/relay.js'
import { pacedResponse } from '../server/pace.js'
import type { Exchange } from '../server/post-message.js'
import { connectedText, connectTool, createListHolder, standInList, standInOpening } from './stand-in.js'

export interface ConnectionOptions {
  client: Client
  url: string
  /** Sends as the agent; rejects with `consent_required` where a person must decide. */
  fetch: typeof globalThis.fetch
  /** Resolves when the client has read what it was told. */
  clientReads: () => Promise<void>
  consent: ConsentAsker
  /** Aborts when the bridge ends. */
  ending: AbortSignal
  /** Told in one line. */
  onProblem: (text: string) => void
}

/** A client of one era, and the server as that client sees it. */
export interface Connection {
  answer(request: RpcRequest, signal: AbortSignal): Promise<Answer>
  notify(message: RpcNotification, signal: AbortSignal): Promise<void>
  /** A person has allowed something: lists may hold more. */
  allowed(): void
  close(): Promise<void>
}

/** Milliseconds that a server may take for what a client opens with. */
const longestStart = 10_000

/** How often one request is sent again because a person has decided something for it. */
const mostConsents = 5

export function createConnection(options: ConnectionOptions): Connection {
  const { client, url, ending, onProblem } = options
  const { host } = new URL(url)
  const holder = createListHolder(client)
  let server: Presented | undefined
  let description: ClientDescription | undefined
  /** Whether the client was shown what stands in for the server. */
  let isStandIn = false
  /** Whether the tool that connects is the bridge's own: a model may call it also after the server's have taken its place. */
  let isConnectOwn = false
  let isReady = false

  const standing: Exchange = {
    signal: ending,
    toClient: (message) => client.tell(message),
    send: sendPaced,
  }

  /** A client that does not read has the server wait: nothing fills the memory. */
  async function sendPaced(init: RequestInit): Promise<Response> {
    return pacedResponse(await options.fetch(url, init), options.clientReads)
  }

  /** What a request has, whose person is asked where one must decide. */
  function exchangeFor(request: RpcRequest, signal: AbortSignal, agreedTo?: string): Exchange {
    const toClient = (message: Message) => client.tell(message)
    let since: number | undefined
    async function send(init: RequestInit): Promise<Response> {
      for (let consents = 0; ; consents++) {
        try {
          return await sendPaced(init)
        } catch (error) {
          const page = pageOf(error)
          if (page === undefined) throw error
          if (consents === mostConsents) throw new ServerProblem(`${host} asks for consent again and again.`)
          since ??= performance.now()
          const capabilities = description?.capabilities ?? {}
          await options.consent.ask(page, { request, client, capabilities, agreedTo, since, signal, toClient })
        }
      }
    }
    return { signal, toClient, send }
  }

  /** The server, and how it presented itself. @throws AnsweredInstead where it refuses the client */
  async function open(described: ClientDescription, exchange: Exchange): Promise<Presented> {
    if (server) return server
    const opened = await openRelay({ host, client, description: described, standing, onProblem }, exchange)
    if ('refused' in opened) throw new AnsweredInstead(opened.refused)
    // Another request was first.
    if (server) {
      await opened.relay.close()
      return server
    }
    server = opened
    if (isReady) await opened.relay.notify(notification('notifications/initialized'), exchange)
    return opened
  }

  /** The answer to what a client opens with; it is never kept waiting for a person. */
  async function openWith(request: RpcRequest, described: ClientDescription, signal: AbortSignal): Promise<Answer> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new ServerProblem(`${host} did not answer in time.`)), longestStart)
    const exchange = exchangeFor(request, AbortSignal.any([signal, late.signal]))
    try {
      const { relay, answer: presentation } = await open(described, exchange)
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
    const { relay } = await open(describedBy(request, description), exchange)
    const meta = client.era === 'stateless' ? metaOf(request) : {}
    // Lists may need more than the server itself.
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
      return answerInWords({ request, client }, `Not allowed: the person did not want to decide about ${host}.`)
    }
    if (method === 'initialize' || method === 'server/discover') return openWith(request, described, signal)
    if (method === 'logging/setLevel' && client.era === 'sessions' && !hasLogs(server)) return { result: {} }
    if (isStandIn && method === 'ping') return { result: {} }
    const exchange = exchangeFor(request, signal, mark)
    try {
      if (isConnectOwn && method === 'tools/call' && params?.name === connectTool)
        return await connect(request, exchange)
      const { relay } = await open(described, exchange)
      const answered = withServersState(await relay.request(request, exchange))
      if (hasConnect(method, answered)) isConnectOwn = false
      return answered
    } catch (error) {
      if (!(error instanceof ConsentNeeded)) throw error
      if (method === 'subscriptions/listen') return holdListener(request, exchange)
      isStandIn ||= method in lists
      isConnectOwn ||= method === 'tools/list'
      return standInList(client.era, host, method) ?? answerInWords({ request, client }, needsConsent(host, request))
    }
  }

  /** A stream of changes, where the server tells of none before a person has decided. */
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
        const { relay } = await open(describedBy(request, description), again)
        return await relay.request(request, again)
      } catch (error) {
        if (!(error instanceof ConsentNeeded)) throw error
      }
    }
  }

  return {
    answer,
    async notify(message, signal) {
      if (message.method === 'notifications/initialized') isReady = true
      const exchange = { ...standing, signal: AbortSignal.any([signal, ending]) }
      await server?.relay.notify(message, exchange)
    },
    allowed: changed,
    close: async () => server?.relay.close(),
  }
}

/** A server, and what it said of itself. */
type Presented = Extract<Opened, { relay: Relay }>

/** Whether the server takes levels of log messages: the bridge has some of its own. */
function hasLogs(server: Presented | undefined): boolean {
  return (
    server !== undefined && 'result' in server.answer && 'logging' in objectIn(server.answer.result, 'capabilities')
  )
}

/** Whether a list of tools has one of the server's own by the name of the bridge's. */
function hasConnect(method: string, answer: Answer): boolean {
  if (method !== 'tools/list' || 'error' in answer || !Array.isArray(answer.result.tools)) return false
  return answer.result.tools.some((tool) => stringIn(tool, 'name') === connectTool)
}

/** What a person does to be asked, where they are not for a request itself. */
function needsConsent(host: string, { method, params }: RpcRequest): string {
  const { type } = objectIn(params, 'ref')
  const isOfPrompt = method === 'completion/complete' && type === 'ref/prompt'
  const what = isOfPrompt ? 'use the prompt' : type === 'ref/resource' ? 'read the resource' : 'call a tool'
  return `${host} needs your consent first: ${what}, and decide.`
}

/** What a client says of itself, at the start or in each request. */
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

/** Where a person decides, where that is why a request was not sent. */
function pageOf(error: unknown): string | undefined {
  return error instanceof AgentError && error.code === 'consent_required' ? error.url : undefined
}

/** The bridge says in the log where to decide, whatever the server has. */
function withLogs(answer: Answer): Answer {
  if ('error' in answer) return answer
  return { result: { ...answer.result, capabilities: { logging: {}, ...objectIn(answer.result, 'capabilities') } } }
}
