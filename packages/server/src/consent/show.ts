import { readParameters } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { requestPlace } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import { type View, viewOf } from '../http/page-frame.js'
import { hashSecret } from '../keys/minted-secrets.js'
import { signInPageAt } from '../sign-in/sign-in-page-at.js'
import type { AuthRequest, Session } from '../storage/storage.js'
import { waitBeforeAllowing } from './allowing-rate.js'
import { comesFromAgent } from './comes-from-agent.js'
import { decisionFacts } from './facts.js'
import { answerUnlessOpen, type ConsentLink, outcomeResponse, requireLink, requireStored } from './outcome.js'
import { consentPageAt } from './page.js'

/** `GET /agent/auth`: the sign-in page, then the consent page, or why there is neither (S§9.5). */
export async function showRequest(context: ServerContext, cookies: Cookies, request: Request): Promise<Response> {
  const parameters = readParameters(new URL(request.url).searchParams)
  if (parameters.has('consent')) throw new PageError('method_not_allowed')
  const link = requireLink(parameters)
  const stored = await requireStored(context, link)
  const view = await viewOf(context, cookies, request)
  const answered = await answerUnlessOpen(context, view, stored)
  if (answered) return answered
  const { session } = view.visitor
  const facts = session && (await decisionFacts(context, stored, session))
  if (!session || !facts || facts.signInAgain) {
    if (link.state !== undefined) await context.storage.rememberState(link.tokenHash, link.state)
    return signInPageAt(context, view, requestPlace(link, stored), session ? { again: 'request' } : {})
  }
  if (facts.remembered && facts.answersAlone && comesFromAgent(request, stored.agent)) {
    const allowed = await allowRemembered(context, view, link, stored, session, facts.remembered.id)
    if (allowed) return allowed
  }
  const bound = await context.storage.bindRequest({
    tokenHash: link.tokenHash,
    browserHash: view.visitor.browserHash,
    userId: session.user.id,
    state: link.state ?? null,
  })
  if (bound.outcome === 'bound') {
    return consentPageAt(context, view, link, { ...bound.request, redirectUri: stored.redirectUri }, session)
  }
  if (bound.reason === 'other_browser') throw new PageError('request_other_session')
  // Decided or run out between the two reads: look again.
  const again = await answerUnlessOpen(context, view, await requireStored(context, link))
  if (!again) throw new PageError('request_unknown')
  return again
}

/** Nothing new is asked by somebody the person allowed before, and whose page they come from: no page (W22). Undefined: it needs one after all. */
async function allowRemembered(
  context: ServerContext,
  view: View,
  link: ConsentLink,
  stored: AuthRequest,
  session: Session,
  grantId: string,
): Promise<Response | undefined> {
  if ((await waitBeforeAllowing(context, session.user.id)) !== undefined) return undefined
  const outcome = await context.storage.allowRemembered({
    tokenHash: link.tokenHash,
    browserHash: view.visitor.browserHash,
    userId: session.user.id,
    state: link.state ?? null,
    grantId,
    codeHash: hashSecret(context.secrets.codeOf(stored.id)),
    codeLifetime: context.lifetimes.code,
  })
  return outcome.outcome === 'refused'
    ? undefined
    : outcomeResponse(context, view, outcome.request, view.visitor.newCookies)
}
