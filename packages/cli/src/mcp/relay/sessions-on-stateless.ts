import { setTimeout } from 'node:timers/promises'
import { metaKeys, sessionVersions, versions, withMeta } from '../messages/eras.js'
import {
  type Answer,
  isJsonObject,
  type JsonObject,
  objectIn,
  type RpcRequest,
  refusal,
  rpcCodes,
  stringIn,
} from '../messages/json-rpc.js'
import { countQuestions, labelElicitation, labelQuestions, tooManyQuestions } from '../messages/server-questions.js'
import type { Exchange } from '../server/post-message.js'
import { createStatelessServer, type StatelessServer } from '../server/stateless-server.js'
import { createChangeStream } from './change-stream.js'
import type { Client, Opened, RelayOptions } from './relay.js'

/** Maximum number of times a server may prompt the user for one request. */
const mostRounds = 20

/** Milliseconds between two attempts of a request that the server wants to be repeated. */
const betweenRounds = 1000

/** Relays a client with a handshake to a 2026-07-28 server. */
export async function sessionsOnStateless(options: RelayOptions, exchange: Exchange): Promise<Opened> {
  const { host, client, description, standing, onProblem } = options
  const server = createStatelessServer(host, onProblem)
  let logLevel: unknown
  const complete = (request: RpcRequest): RpcRequest =>
    withMeta(request, {
      [metaKeys.version]: versions.stateless,
      [metaKeys.clientInfo]: description.clientInfo,
      [metaKeys.clientCapabilities]: capabilitiesOf(description.capabilities),
      ...(logLevel === undefined ? {} : { [metaKeys.logLevel]: logLevel }),
    })
  const discover: RpcRequest = { jsonrpc: '2.0', id: 'countersign-discover', method: 'server/discover' }
  const answer = await server.request(complete(discover), exchange)
  if ('error' in answer) return { refused: answer }
  const { capabilities } = answer.result
  const changes = createChangeStream({
    server,
    complete,
    standing,
    client,
    capabilities: objectIn(answer.result, 'capabilities'),
  })

  const own: Readonly<Record<string, (request: RpcRequest, given: Exchange) => Promise<Answer>>> = {
    ping: async () => ({ result: {} }),
    'logging/setLevel': async ({ params }) => {
      if (!isJsonObject(capabilities) || !('logging' in capabilities))
        return refusal(rpcCodes.methodNotFound, `${host} sends no log messages.`)
      logLevel = params?.level
      return { result: {} }
    },
    'resources/subscribe': ({ params }, { send }) => changes.subscribe(stringIn(params, 'uri'), send),
    'resources/unsubscribe': ({ params }) => changes.unsubscribe(stringIn(params, 'uri')),
  }

  return {
    answer: { result: initializeResult(answer.result, description.protocolVersion) },
    relay: {
      async request(request, given) {
        const answered = own[request.method]?.(request, given)
        return answered ?? runRounds(server, complete(request), { host, client, exchange: given })
      },
      async notify({ method }) {
        if (method === 'notifications/initialized') return changes.start()
        if (method !== 'notifications/cancelled') onProblem(`${method} is not forwarded: ${host} does not support it.`)
      },
      close: async () => changes.close(),
    },
  }
}

/** Converts a 2026-07-28 server's description of itself into an `initialize` result. */
function initializeResult(discovered: JsonObject, asked: string): JsonObject {
  const { instructions, _meta } = discovered
  const { extensions: _none, ...capabilities } = objectIn(discovered, 'capabilities')
  return {
    protocolVersion: sessionVersions.includes(asked) ? asked : versions.sessions,
    capabilities,
    serverInfo:
      isJsonObject(_meta) && isJsonObject(_meta[metaKeys.serverInfo])
        ? _meta[metaKeys.serverInfo]
        : { name: 'unnamed', version: '0' },
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

/** Returns the client capabilities that exist in both eras. */
function capabilitiesOf({ elicitation, sampling, roots, experimental }: JsonObject): JsonObject {
  const shared = { elicitation, sampling, roots, experimental }
  return Object.fromEntries(Object.entries(shared).filter(([, value]) => value !== undefined))
}

interface Round {
  host: string
  client: Client
  exchange: Exchange
}

/** Repeats a request until the server returns a final response. In between, asks the client for whatever the server wants from the user. */
async function runRounds(server: StatelessServer, request: RpcRequest, round: Round): Promise<Answer> {
  const { host, exchange } = round
  const count = countQuestions(host)
  let next = request
  for (let rounds = 0; rounds < mostRounds; rounds++) {
    const answer = await server.request(next, exchange)
    if ('error' in answer || answer.result.resultType !== 'input_required')
      return labelQuestions(plainAnswer(answer), host)
    const { requestState } = answer.result
    const inputResponses: Record<string, unknown> = {}
    const questions = Object.entries(objectIn(answer.result, 'inputRequests'))
    // The server waits for something other than the client.
    if (questions.length === 0) await setTimeout(betweenRounds)
    for (const [key, question] of questions) {
      if (!count.add(stringIn(question, 'method'))) return tooManyQuestions(host)
      const said = await unlessGivenUp(round, (ask) => askClient(question, { host, ask }))
      if ('error' in said)
        return { error: { ...said.error, message: `A question from ${host} was not answered: ${said.error.message}` } }
      inputResponses[key] = said.result
    }
    const retry = requestState === undefined ? { inputResponses } : { inputResponses, requestState }
    next = {
      ...request,
      id: `countersign-${String(request.id)}-${rounds + 1}`,
      params: { ...request.params, ...retry },
    }
  }
  return refusal(rpcCodes.unanswered, `${host} required further input ${mostRounds} times without returning a result.`)
}

async function askClient(question: unknown, { host, ask }: { host: string; ask: Ask }): Promise<Answer> {
  if (!isJsonObject(question) || typeof question.method !== 'string')
    return refusal(rpcCodes.invalidRequest, 'it is not a valid question.')
  const { method } = question
  const params = objectIn(question, 'params')
  if (!['elicitation/create', 'sampling/createMessage', 'roots/list'].includes(method))
    return refusal(rpcCodes.methodNotFound, `${method} is not allowed as a question.`)
  if (method !== 'elicitation/create') return ask(method, params)
  // Only the older era has an id for URL elicitations.
  const ofPage = params.mode === 'url' ? { elicitationId: crypto.randomUUID() } : {}
  return ask(method, { ...labelElicitation(params, host), ...ofPage })
}

type Ask = (method: string, params: JsonObject) => Promise<Answer>

/** Asks the client, and withdraws the question if the client cancels the request to which it belongs. */
async function unlessGivenUp(
  { client, exchange: { signal } }: Round,
  question: (ask: Ask) => Promise<Answer>,
): Promise<Answer> {
  const key = crypto.randomUUID()
  let giveUp: () => void = () => undefined
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = () => {
      client.withdraw(key, { reason: 'The request to which this belonged was canceled.' })
      reject(signal.reason as Error)
    }
  })
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([question((method, params) => client.ask(method, params, key)), givenUp])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** Removes from a response the members that exist only in 2026-07-28. */
function plainAnswer(answer: Answer): Answer {
  if ('error' in answer) return answer
  const { resultType: _kind, ttlMs: _age, cacheScope: _scope, ...result } = answer.result
  return { result }
}
