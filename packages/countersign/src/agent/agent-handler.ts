import type { AgentProtocol } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import type { Emit, RequestEvent } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { documentResponse } from '../protocol/documents.js'
import type { SharedAgentOptions } from './agent-options.js'
import { type CallbackOutcome, type CallbackRefusal, chooseCallbackMessages } from './callback-messages.js'
import { callbackPage } from './callback-page.js'

interface AnsweredPaths {
  /** The published documents, by URL. */
  documents: Readonly<Record<string, object>>
  /** The redirect URI; undefined if the edition has none. */
  callback: { url: string; answer: AgentHandler } | undefined
  emit: Emit | undefined
}

/** Finds the owner, if any, whose browser sent a request. */
type OwnerOf = () => MaybePromise<string | undefined>

/** @param ownerOf called only for requests to the callback */
export type AgentHandler = (request: Request, ownerOf: OwnerOf) => Promise<Response>

interface Route {
  methods: string
  answer: (request: Request, ownerOf: OwnerOf) => MaybePromise<Response>
}

/** Serves an agent's documents and its callback; responds with 404 to any other path. */
export function createAgentHandler({ documents, callback, emit }: AnsweredPaths): AgentHandler {
  const routes = new Map<string, Route>()
  for (const [url, document] of Object.entries(documents))
    routes.set(new URL(url).pathname, { methods: 'GET, HEAD', answer: () => documentResponse(document) })
  // HEAD requests come from link checkers, never from a user.
  if (callback) routes.set(new URL(callback.url).pathname, { methods: 'GET', answer: callback.answer })
  async function answerAt(route: Route | undefined, request: Request, ownerOf: OwnerOf): Promise<Response> {
    if (!route) return new Response('Not found.\n', { status: 404 })
    const { methods: allow, answer } = route
    if (allow.split(', ').includes(request.method)) return answer(request, ownerOf)
    return new Response(`Method not allowed: use ${allow}.\n`, { status: 405, headers: { allow } })
  }

  return async function agentHandler(request, ownerOf) {
    const { pathname } = new URL(request.url)
    const route = routes.get(pathname)
    const asked = { route: route ? pathname : 'none', method: request.method }
    const { response } = await withRequestEvent(emit, asked, async () => {
      const response = await answerAt(route, request, ownerOf)
      return { response, code: response.ok ? undefined : 'refused' }
    })
    return response
  }
}

interface CallbackTools extends Pick<SharedAgentOptions, 'id' | 'about'> {
  complete: NonNullable<AgentProtocol['complete']>
  ownerOf: OwnerOf
  page: SharedAgentOptions['callbackResponse']
}

/** Handles the callback of a returning user and shows the outcome in their browser. */
export async function handleCallback(
  request: Request,
  { id, about, complete, ownerOf, page }: CallbackTools,
): Promise<Response> {
  function show(outcome: CallbackOutcome, refused?: CallbackRefusal): MaybePromise<Response> {
    const language = request.headers.get('accept-language')
    const { refusals } = chooseCallbackMessages(language)
    const detail = refused && refusals[refused]
    return page ? page(outcome, detail, request) : callbackPage(outcome, { id, about, language, detail })
  }
  // Only a real navigation counts: a browser prefetch would use up the code.
  if (isPrefetch((name) => request.headers.get(name)))
    return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  const found = await complete(new URL(request.url).searchParams, await ownerOf())
  if (!found.matched) return show('refused', found.problem)
  const end = await found.finished
  if (found.decision !== 'allowed') return show(found.decision)
  if (end === 'other_user') return show('refused', 'other_user')
  return show(end === 'done' ? 'allowed' : 'failed')
}

/** The outcome of a request. */
export interface Answered {
  response?: Response
  /** Why the request was refused. */
  code?: string | undefined
}

/** Runs one of the agent's actions and emits an event with its outcome. */
export async function withRequestEvent<T extends Answered>(
  emit: Emit | undefined,
  asked: Pick<RequestEvent, 'route' | 'method' | 'host'>,
  work: () => Promise<T>,
): Promise<T> {
  if (!emit) return work()
  const began = performance.now()
  let outcome = 'failed'
  let status: number | undefined
  try {
    const answered = await work()
    status = answered.response?.status
    outcome = answered.code ?? 'ok'
    return answered
  } catch (error) {
    if (error instanceof AgentError) {
      outcome = error.code
      emit({ kind: 'refusal', code: outcome, reason: error.message })
    }
    throw error
  } finally {
    emit({ kind: 'request', ...asked, outcome, status, duration: (performance.now() - began) / 1000 })
  }
}

/** Headers that browsers send when they prefetch. */
const fields = ['sec-purpose', 'purpose', 'x-moz', 'x-purpose']

/** Whether a browser is only prefetching or previewing the page. */
export function isPrefetch(header: (name: string) => string | null | undefined): boolean {
  return fields.some((name) => /\b(?:prefetch|preview)\b/i.test(header(name) ?? ''))
}
