import { describeRefusal, withRefusal } from '../audit/refusal.js'
import type { ServerContext } from '../context.js'
import { htmlResponse } from '../http/html-response.js'
import { fieldsOf } from '../http/local-path.js'
import { problemStatus } from '../http/page-error.js'
import { pageFrame, type View } from '../http/page-frame.js'
import { logoPaths } from '../http/show-logo.js'
import { accountPaths } from '../pages/account-paths.js'
import { renderConsent } from '../pages/consent-page.js'
import { displayHost, displayRedirect } from '../pages/display-host.js'
import type { ConsentPage } from '../pages/models.js'
import { renderPolicyForbids } from '../pages/policy-forbids-page.js'
import type { AuthRequest, Session } from '../storage/storage.js'
import { canExtend } from './decide.js'
import { type DecisionFacts, decisionFacts } from './facts.js'
import { holdingsOf } from './holdings.js'
import { type ConsentChoices, consentModel } from './model.js'
import { type ConsentLink, requestPath } from './outcome.js'
import { requestCode } from './request-code.js'

/** The consent page for a bound request, first or again with a problem. */
export async function consentPageAt(
  context: ServerContext,
  view: View,
  link: ConsentLink,
  request: AuthRequest & { redirectUri: string },
  session: Session,
  { problem, retryAfter }: { problem?: ConsentPage['problem']; retryAfter?: number | undefined } = {},
): Promise<Response> {
  const facts = await decisionFacts(context, request, session)
  const place = {
    kind: 'request',
    link,
    agentHost: displayHost(request.agent),
    resourceHost: displayHost(request.resource),
  } as const
  const form = fieldsOf(context, view.visitor, place, requestPath)
  const frame = pageFrame(context, view)
  const options = {
    status: problem === undefined ? 200 : problem === 'throttled' ? 429 : 401,
    formRedirectsAway: true,
    connects: canExtend(request),
    cookies: view.visitor.newCookies,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
  if (facts.forbidden) {
    const { agentHost, resourceHost } = place
    const model = { ...frame, form, revision: request.revision, user: session.user.username, agentHost, resourceHost }
    const html = renderPolicyForbids({ ...model, redirectDisplay: displayRedirect(request.redirectUri) }, view.messages)
    const code = 'policy_forbids'
    const refusal = describeRefusal(facts.forbidden, { status: problemStatus[code], code }, { agent: request.agent })
    return withRefusal(htmlResponse(html, { ...options, status: refusal.status }), refusal)
  }
  const model = consentModel({
    frame,
    form,
    request,
    user: session.user,
    issuer: context.issuer,
    code: requestCode(link.tokenHash),
    firstTime: !(await context.storage.hasAllowedBefore(session.user.id, request.agent)),
    askedBefore: await hasAskedBefore(context, request, session),
    now: context.now(),
    risks: context.risks,
    brands: context.brands,
    tokenLifetime: context.lifetimes.authToken,
    logo: (await logoPaths(context, [request.agent])).get(request.agent),
    holdings: await holdingsOf(context, request, session.user.id),
    changes: facts.changes,
  })
  const html = renderConsent({ ...model, ...choices(context, request, facts, problem) }, view.messages)
  return htmlResponse(html, options)
}

/** Whether the person was shown another request of the agent, whatever came of it. */
async function hasAskedBefore(
  { storage }: ServerContext,
  { agent, id }: AuthRequest,
  { user }: Session,
): Promise<boolean> {
  const shown = await storage.listEvents({ userId: user.id, agent, event: 'request.bound', limit: 20 })
  return shown.some(({ requestId }) => requestId !== id)
}

function choices(
  context: ServerContext,
  request: AuthRequest,
  facts: DecisionFacts,
  problem: ConsentPage['problem'],
): ConsentChoices {
  return {
    durations: { choices: facts.durations, preset: facts.preset },
    accountPath: accountPaths.agents,
    ...(canExtend(request) ? { extend: { secondsLeft: request.expiresAt - context.now() } } : {}),
    ...(facts.lastAllowed === undefined ? {} : { allowedBefore: facts.lastAllowed }),
    ...(facts.dangers.length === 0 ? {} : { dangers: facts.dangers }),
    ...(facts.askPassword ? { askPassword: true } : {}),
    ...(problem === undefined ? {} : { problem }),
  }
}
