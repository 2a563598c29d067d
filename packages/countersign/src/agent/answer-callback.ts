import type { AgentProtocol } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { SharedAgentOptions } from './agent-options.js'
import { type CallbackOutcome, chooseCallbackMessages, type RefusedAnswer } from './callback-messages.js'
import { callbackPage } from './callback-page.js'
import { looksAhead } from './looks-ahead.js'

interface CallbackTools extends Pick<SharedAgentOptions, 'id' | 'about'> {
  complete: NonNullable<AgentProtocol['complete']>
  /** Whose browser sent a request. */
  ownerOf: (request: Request) => MaybePromise<string | undefined>
  page: SharedAgentOptions['callbackResponse']
}

/** Takes what a person brings who comes back, and says in their browser what came of it. */
export async function answerCallback(
  request: Request,
  { id, about, complete, ownerOf, page }: CallbackTools,
): Promise<Response> {
  function show(outcome: CallbackOutcome, refused?: RefusedAnswer): MaybePromise<Response> {
    const language = request.headers.get('accept-language')
    const { refusals } = chooseCallbackMessages(language)
    const detail = refused && refusals[refused]
    return page ? page(outcome, detail, request) : callbackPage(outcome, { id, about, language, detail })
  }
  // Only the person's own visit counts: a browser that looks ahead would use up the code.
  if (looksAhead((name) => request.headers.get(name)))
    return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  const found = await complete(new URL(request.url).searchParams, await ownerOf(request))
  if (!found.matched) return show('refused', found.problem)
  const end = await found.finished
  if (found.decision !== 'allowed') return show(found.decision)
  if (end === 'other_person') return show('refused', 'other_person')
  return show(end === 'done' ? 'allowed' : 'failed')
}
