import { randomUUID } from 'node:crypto'
import { mayAskPerson, metaKeys, metaOf, withoutEnvelope } from '../messages/eras.js'
import type { Exchange } from '../messages/exchange.js'
import {
  type Answer,
  isJsonObject,
  isRequest,
  type JsonObject,
  type Message,
  notification,
  objectIn,
  type RpcNotification,
  type RpcRequest,
  refusal,
  rpcCodes,
  stringIn,
} from '../messages/json-rpc.js'
import { namedAsServers, questionsNamed } from '../messages/named-as-servers.js'
import { countQuestions, mostQuestions, type QuestionCount, tooManyQuestions } from '../messages/question-count.js'
import type { SessionServer } from '../server/session-server.js'

/** Calls of a client of 2026-07-28 to a server that asks by requests of its own: they are held while the client finds out. */
export interface HeldCalls {
  request(request: RpcRequest, exchange: Exchange): Promise<Answer>
  /** Takes what the server sends beside its answers: it is of a call that runs, as far as that can be told. */
  hearAside(message: RpcRequest | RpcNotification): void
  close(): void
}

interface HeldCall {
  /** What the server names its progress by. */
  progressToken: unknown
  /** What the client can that made the call. */
  capabilities: JsonObject
  count: QuestionCount
  /** What the server asks and nobody has answered. */
  questions: Map<string, RpcRequest>
  /** The server's answer. */
  finished: Promise<Answer>
  /** Resolves when there is a question; made anew for each. */
  asked: Promise<void>
  noteAsked: () => void
  /** The request of the client that waits at present. */
  waiting: { exchange: Exchange; progressToken: unknown; logLevel: unknown } | undefined
  end: AbortController
}

export interface HeldCallsOptions {
  server: SessionServer
  host: string
  standing: Exchange
}

/** Milliseconds that a call is held for a client that does not come back. */
const longestHeld = 15 * 60_000

/** Most calls that are held. */
const mostHeld = 100

/** What the client gives back that was told to open pages: the call is then sent again. */
const again = 'again'

export function createHeldCalls({ server, host, standing }: HeldCallsOptions): HeldCalls {
  const held = new Map<string, HeldCall>()
  /** What the server has not answered, the newest last. */
  const running = new Set<HeldCall>()

  function begin(request: RpcRequest, exchange: Exchange): HeldCall {
    const end = new AbortController()
    const call: HeldCall = {
      progressToken: metaOf(request).progressToken,
      capabilities: objectIn(metaOf(request), metaKeys.clientCapabilities),
      count: countQuestions(host),
      questions: new Map(),
      finished: Promise.resolve(refusal(rpcCodes.internal, '')),
      ...nextQuestion(),
      waiting: waitingOf(request, exchange),
      end,
    }
    const signal = AbortSignal.any([end.signal, standing.signal])
    const toClient = (message: Message) => hear(call, message)
    const send = (init: RequestInit) => (call.waiting?.exchange ?? exchange).send(init)
    call.finished = ask(request, { send, signal, toClient })
    running.add(call)
    // Whoever waits hears of it; nobody may.
    call.finished.catch(() => undefined).finally(() => leave(call))
    return call
  }

  /** Nobody is asked any more for a call that has ended. */
  function leave(call: HeldCall): void {
    running.delete(call)
    for (const question of call.questions.values()) refuse(question, callEnded)
    call.questions.clear()
  }

  function hear(call: HeldCall, message: Message): void {
    if (!('method' in message)) return
    if (!isRequest(message)) {
      if (message.method === 'notifications/cancelled')
        return void call.questions.delete(String(message.params?.requestId))
      const shown = withToken(message, call.waiting?.progressToken)
      if (shown) call.waiting?.exchange.toClient(shown)
      return
    }
    const isCounted = call.count.add(message.method)
    if (knows(call, message) && isCounted) {
      call.questions.set(String(message.id), message)
      call.noteAsked()
    } else refuse(message, knows(call, message) ? tooManyQuestions(host) : unknownQuestion)
  }

  function askAside(question: RpcRequest): void {
    const able = [...running].filter((call) => knows(call, question))
    const call = able.findLast(({ waiting }) => waiting) ?? able.at(-1)
    try {
      if (call) hear(call, question)
      else refuse(question, running.size > 0 ? unknownQuestion : onlyDuringCalls)
    } catch (error) {
      // It asks on and on: its other messages are heard all the same.
      call?.end.abort(error)
    }
  }

  function noteAside(message: RpcNotification): void {
    const { method, params } = message
    const isOf: Readonly<Record<string, (call: HeldCall) => boolean>> = {
      'notifications/message': ({ waiting }) => isLogged(params?.level, waiting?.logLevel),
      'notifications/progress': ({ progressToken }) =>
        progressToken !== undefined && progressToken === params?.progressToken,
      'notifications/cancelled': ({ questions }) => questions.has(String(params?.requestId)),
    }
    const call = [...running].findLast((each) => isOf[method]?.(each))
    if (call) hear(call, message)
  }

  /** Answers the server in place of the client. */
  function refuse({ id, method }: RpcRequest, refused: Answer): void {
    const answer: Answer = method === 'ping' ? { result: {} } : refused
    server.pass({ jsonrpc: '2.0', id, ...answer }, standing).catch(() => undefined)
  }

  /** Waits until the server answers or asks. */
  async function wait(call: HeldCall, exchange: Exchange): Promise<Answer> {
    const giveUp = () => call.end.abort(exchange.signal.reason)
    exchange.signal.addEventListener('abort', giveUp, { once: true })
    try {
      const outcome = await Promise.race([call.finished, call.asked])
      if (outcome) return pagesFirst(outcome, host)
      return hold(call)
    } finally {
      exchange.signal.removeEventListener('abort', giveUp)
      call.waiting = undefined
    }
  }

  function hold(call: HeldCall): Answer {
    if (held.size >= mostHeld) {
      call.end.abort()
      return refusal(rpcCodes.unanswered, 'Too many calls wait for answers of yours.')
    }
    const requestState = randomUUID()
    held.set(requestState, call)
    setTimeout(() => held.delete(requestState) && call.end.abort(), longestHeld).unref()
    const inputRequests = Object.fromEntries(
      [...call.questions].map(([key, { method, params }]) => {
        const isNamed = method === 'elicitation/create'
        return [key, { method, params: isNamed ? withoutId(namedAsServers(params, host)) : (params ?? {}) }]
      }),
    )
    return { result: { resultType: 'input_required', inputRequests, requestState } }
  }

  async function goOn(call: HeldCall, request: RpcRequest, exchange: Exchange): Promise<Answer> {
    call.waiting = waitingOf(request, exchange)
    const responses = objectIn(request.params, 'inputResponses')
    for (const [key, { id }] of call.questions) {
      const result = responses[key]
      if (!isJsonObject(result)) continue
      call.questions.delete(key)
      await server.pass({ jsonrpc: '2.0', id, result }, standing)
    }
    if (call.questions.size === 0) Object.assign(call, nextQuestion())
    return wait(call, exchange)
  }

  return {
    async request(request, exchange) {
      const { requestState, inputResponses, ...params } = request.params ?? {}
      if (requestState === undefined && !mayAskPerson.has(request.method)) return plain(request, exchange)
      if (requestState === undefined) return wait(begin(request, exchange), exchange)
      const state = stringIn(request.params, 'requestState')
      if (state === again) {
        const isDeclined = Object.values(objectIn({ inputResponses }, 'inputResponses')).some(
          (said) => !isAccepted(said),
        )
        if (isDeclined) return refusal(rpcCodes.unanswered, `What ${host} asked for was declined.`)
        const fresh = { ...request, params }
        return wait(begin(fresh, exchange), exchange)
      }
      const call = held.get(state)
      if (!call)
        return refusal(rpcCodes.invalidParams, 'Nobody waits for these answers any more: call again without them.')
      held.delete(state)
      return goOn(call, request, exchange)
    },
    hearAside: (message) => (isRequest(message) ? askAside(message) : noteAside(message)),
    close() {
      for (const { end } of held.values()) end.abort()
      held.clear()
    },
  }

  /** A request during which a server may ask nothing. */
  async function plain(request: RpcRequest, exchange: Exchange): Promise<Answer> {
    const count = countQuestions(host)
    const toClient = (message: Message) => {
      if (!isRequest(message)) return exchange.toClient(message)
      count.add(message.method)
      refuse(message, onlyDuringCalls)
    }
    return questionsNamed(await ask(request, { ...exchange, toClient }), host)
  }

  /** Asks, and says where a request is given up: the end of a stream says nothing to a server with sessions. */
  async function ask(request: RpcRequest, exchange: Exchange): Promise<Answer> {
    const { signal } = exchange
    const cancelled = notification('notifications/cancelled', { requestId: request.id })
    const tell = () => {
      if (!standing.signal.aborted) server.pass(cancelled, standing).catch(() => undefined)
    }
    signal.addEventListener('abort', tell, { once: true })
    try {
      return await server.request(withoutEnvelope(request), exchange)
    } finally {
      signal.removeEventListener('abort', tell)
    }
  }
}

const unknownQuestion = refusal(rpcCodes.methodNotFound, 'The client does not know this question.')

const onlyDuringCalls = refusal(
  rpcCodes.methodNotFound,
  'This client is asked during calls of tools, resources and prompts only.',
)

const callEnded = refusal(rpcCodes.methodNotFound, 'The call that this was asked for has ended.')

/** What a server may ask, and the capability of a client that it needs. */
const questionMethods: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
}

function waitingOf(request: RpcRequest, exchange: Exchange): HeldCall['waiting'] {
  const { progressToken, [metaKeys.logLevel]: logLevel } = metaOf(request)
  return { exchange, progressToken, logLevel }
}

/** Whether the client that made a call can answer a question. */
function knows({ capabilities }: HeldCall, { method }: RpcRequest): boolean {
  const needed = questionMethods[method]
  return needed !== undefined && needed in capabilities
}

const logLevels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** Whether a message of the log is one of those that a request wants to have. */
function isLogged(level: unknown, wanted: unknown): boolean {
  const least = logLevels.indexOf(String(wanted))
  return least >= 0 && logLevels.indexOf(String(level)) >= least
}

function nextQuestion(): Pick<HeldCall, 'asked' | 'noteAsked'> {
  let noteAsked: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    noteAsked = resolve
  })
  return { asked, noteAsked }
}

/** An error that names pages to open, as a question. */
function pagesFirst(answer: Answer, host: string): Answer {
  if (!('error' in answer) || answer.error.code !== rpcCodes.urlElicitationRequired) return questionsNamed(answer, host)
  const { data } = answer.error
  const pages = isJsonObject(data) && Array.isArray(data.elicitations) ? data.elicitations.filter(isJsonObject) : []
  if (pages.length > mostQuestions) return tooManyQuestions(host)
  const inputRequests = Object.fromEntries(
    pages.map((page, at) => [
      `page-${at}`,
      { method: 'elicitation/create', params: withoutId(namedAsServers(page, host)) },
    ]),
  )
  return { result: { resultType: 'input_required', inputRequests, requestState: again } }
}

function withoutId(params: JsonObject): JsonObject {
  const { elicitationId: _id, ...rest } = params
  return rest
}

function isAccepted(said: unknown): boolean {
  return isJsonObject(said) && said.action === 'accept'
}

/** Progress of a call that was held is that of the request which waits for it now. */
function withToken(message: RpcNotification, progressToken: unknown): RpcNotification | undefined {
  if (message.method !== 'notifications/progress') return message
  return progressToken === undefined ? undefined : { ...message, params: { ...message.params, progressToken } }
}
