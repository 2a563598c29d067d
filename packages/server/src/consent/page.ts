import { logoPaths } from '../http/assets.js'
import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame } from '../http/html-response.js'
import { PageError, problemStatus } from '../http/page-error.js'
import type { SignedInVisit } from '../http/visit.js'
import { cleanText } from '../lib/plain-text.js'
import { displayRedirect } from '../pages/components/marks.js'
import { renderConsent } from '../pages/consent-page.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ConsentPage } from '../pages/models/models.js'
import { renderPolicyForbids } from '../pages/policy-forbids-page.js'
import { fieldsOf } from '../sign-in/render-sign-in.js'
import type { AuthRequest } from '../storage/api/storage.js'
import { canExtend, type DecisionFacts, withoutScopes } from './facts.js'
import { requestDestination } from './link.js'
import { type ConsentChoices, consentModel } from './model.js'

/** Renders the consent page for a bound request, either initially or again with a problem. */
interface Shown {
  link: ConsentLink
  request: AuthRequest
  facts: DecisionFacts
  problem?: ConsentPage['problem']
  retryAfter?: number | undefined
}

/** The consent page. */
export async function consentPageAt(
  context: ServerContext,
  visit: SignedInVisit,
  { link, request: stored, facts, problem, retryAfter }: Shown,
): Promise<Response> {
  const request = withoutScopes(stored, facts.leftOut)
  const { session, messages } = visit
  const { fields, asker } = requestDestination(link, request)
  const transport = context.transports.of(request)
  const returnUri = transport.returnUriOf ? transport.returnUriOf(request) : request.redirectUri
  const form = {
    ...fieldsOf(context, visit, { action: transport.path, fields }),
    leftOut: facts.leftOut.length === 0 ? undefined : facts.leftOut.join(' '),
  }
  const frame = pageFrame(context, visit)
  const options = {
    status: problem === undefined ? 200 : problem === 'throttled' ? 429 : 401,
    formRedirectsAway: true,
    connects: canExtend(context, request) || facts.proof === 'passkey',
    cookies: visit.newCookies,
    retryAfter,
  }
  if (facts.forbidden) {
    const model = { ...frame, form, revision: request.revision, user: session.user.username, ...asker }
    const html = renderPolicyForbids(
      { ...model, next: returnUri === null ? undefined : displayRedirect(returnUri) },
      messages,
    )
    const code = 'policy_forbids'
    const response = htmlResponse(html, { ...options, status: problemStatus[code] })
    throw new PageError(code, { agent: request.agent, cause: facts.forbidden, response })
  }
  const model = consentModel({
    frame,
    form,
    request,
    user: session.user,
    displayCode: link.displayCode,
    returnUri,
    blocks: transport.blocksOf?.(request, link) ?? {},
    firstTime: facts.lastAllowed === undefined,
    requestedBefore: facts.agentLastAllowed !== undefined || (await hasRequestedBefore(context, visit, request)),
    now: context.now(),
    readRisk: context.readRisk,
    judgeName: context.judgeName,
    tokenLifetime: context.longestToken(request.edition),
    logo: (await logoPaths(context, [request.agent])).get(request.agent),
    holdings: facts.holdings,
    leftOut: facts.leftOut,
    changes: facts.changes,
  })
  const html = renderConsent(Object.assign(model, choices(context, { request, facts, problem })), messages)
  return htmlResponse(html, options)
}

/** Whether the user has already been shown another request from the agent, regardless of its outcome. */
async function hasRequestedBefore(
  { storage }: ServerContext,
  { session: { user } }: SignedInVisit,
  { agent, id }: AuthRequest,
): Promise<boolean> {
  const shown = await storage.listEvents({ userId: user.id, agent, event: 'request.bound', limit: 20 })
  return shown.some(({ requestId }) => requestId !== id)
}

function allowedTimes({ lastAllowed, agentLastAllowed }: DecisionFacts): Partial<ConsentChoices> {
  return { allowedBefore: lastAllowed, otherDelegateAllowed: lastAllowed === undefined ? agentLastAllowed : undefined }
}

/** The call for which the request can be allowed "just this once", safe to show. */
function shownCall({ transports, lifetimes }: ServerContext, request: AuthRequest): ConsentPage['call'] {
  const call = transports.callOf(request)
  if (!call) return undefined
  const full = `${call.method} ${call.target}`
  return {
    text: cleanText(full, longestCall),
    full: cleanText(full, longestDetail),
    hasBody: call.digest !== undefined,
    lifetime: lifetimes.authToken,
  }
}

/** The maximum number of characters of a call, in the text and in the details. */
const longestCall = 200
const longestDetail = 2100

function choices(
  context: ServerContext,
  { request, facts, problem }: { request: AuthRequest; facts: DecisionFacts; problem: ConsentPage['problem'] },
): ConsentChoices {
  return {
    durations: { choices: facts.durations, preset: facts.preset },
    call: shownCall(context, request),
    accountPath: accountPaths.agents,
    asksAgain: request.display.agent.bearer && !facts.mayRemember,
    extend: canExtend(context, request) ? { secondsLeft: request.expiresAt - context.now() } : undefined,
    ...allowedTimes(facts),
    dangers: facts.dangers.length === 0 ? undefined : facts.dangers,
    askPassword: facts.proof === 'password' || facts.proof === 'code',
    askCode: facts.proof === 'code',
    setUpFirst: facts.proof === 'set-up',
    passkey: facts.proof === 'passkey' ? { options: '/account/passkeys/challenge' } : undefined,
    problem,
  }
}
