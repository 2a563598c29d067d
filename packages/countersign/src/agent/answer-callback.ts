import type { AgentProtocol } from '../editions/agent-protocol.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { SharedAgentOptions } from './agent-options.js'
import { callbackPage, otherPersonText, refusalTexts } from './callback-page.js'

interface CallbackTools {
  complete: NonNullable<AgentProtocol['complete']>
  /** Whose browser sent a request. */
  ownerOf: (request: Request) => MaybePromise<string | undefined>
  page: SharedAgentOptions['callbackResponse']
}

/** What browsers say who look ahead. */
const looksAhead = ['sec-purpose', 'purpose', 'x-moz', 'x-purpose']

/** Takes what a person brings who comes back, and says in their browser what came of it. */
export async function answerCallback(
  request: Request,
  { complete, ownerOf, page = callbackPage }: CallbackTools,
): Promise<Response> {
  // Only the person's own visit counts: a browser that looks ahead would use up the code.
  if (looksAhead.some((name) => /\b(?:prefetch|preview)\b/i.test(request.headers.get(name) ?? '')))
    return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  const found = await complete(new URL(request.url).searchParams, await ownerOf(request))
  if (!found.matched) return page('refused', refusalTexts[found.problem])
  const end = await found.finished
  if (found.decision !== 'allowed') return page(found.decision)
  if (end === 'other_person') return page('refused', otherPersonText)
  return page(end === 'done' ? 'allowed' : 'failed')
}
