import type { ServerContext } from '../context.js'
import { renderConsent } from '../pages/consent-page.js'
import type { FormFields, PageFrame, SignInPage } from '../pages/models.js'
import { renderSignIn } from '../pages/sign-in-page.js'
import { readParameters } from '../read-form.js'
import { consentModel, displayHost } from './consent-model.js'
import type { Cookies } from './cookies.js'
import { htmlResponse } from './html-response.js'
import { PageError } from './page-error.js'
import { answerUnlessOpen, type ConsentLink, requireLink, requireStored } from './pending-page.js'
import { identifyVisitor, pageOf, type Visitor } from './visitor.js'

/** `GET /agent/auth`: the sign-in page, then the consent page, or why there is neither (S§9.5). */
export async function showRequest(context: ServerContext, cookies: Cookies, request: Request): Promise<Response> {
  const parameters = readParameters(new URL(request.url).searchParams)
  if (parameters.has('consent')) throw new PageError('method_not_allowed')
  const link = requireLink(parameters)
  const stored = await requireStored(context, link)
  const visitor = await identifyVisitor(context, cookies, request)
  const answered = answerUnlessOpen(context, stored, visitor)
  if (answered) return answered
  const { session } = visitor
  if (!session) {
    if (link.state !== undefined) await context.storage.rememberState(link.tokenHash, link.state)
    return signInPage(context, visitor, link, {
      agentHost: displayHost(stored.agent),
      resourceHost: displayHost(stored.resource),
    })
  }
  const bound = await context.storage.bindRequest({
    tokenHash: link.tokenHash,
    browserHash: visitor.browserHash,
    userId: session.user.id,
    state: link.state ?? null,
  })
  if (bound.outcome === 'refused') {
    if (bound.reason === 'other_browser') throw new PageError('request_other_session')
    // Decided or run out between the two reads: look again.
    return (
      answerUnlessOpen(context, await requireStored(context, link), visitor) ??
      Promise.reject(new PageError('request_unknown'))
    )
  }
  const model = consentModel({
    frame: pageFrame(context),
    form: formFields(context, visitor, link),
    request: { ...bound.request, redirectUri: stored.redirectUri },
    user: session.user,
    firstTime: !(await context.storage.hasAllowedBefore(session.user.id, stored.agent)),
    risks: context.risks,
    tokenLifetime: context.lifetimes.authToken,
  })
  return htmlResponse(renderConsent(model), { formRedirectsAway: true, cookies: visitor.newCookies })
}

/** The sign-in page, first or again. */
export function signInPage(
  context: ServerContext,
  visitor: Visitor,
  link: ConsentLink,
  shown: Pick<SignInPage, 'agentHost' | 'resourceHost' | 'username' | 'problem'>,
): Response {
  const form = {
    ...formFields(context, { ...visitor, session: undefined }, link),
    ...(link.state === undefined ? {} : { state: link.state }),
  }
  return htmlResponse(renderSignIn({ ...pageFrame(context), form, ...shown }), {
    status: shown.problem === undefined ? 200 : shown.problem === 'throttled' ? 429 : 401,
    formRedirectsAway: true,
    cookies: visitor.newCookies,
  })
}

/** What every page of this server has. */
export function pageFrame({ name }: ServerContext): PageFrame {
  return { serverName: name, stylesheet: '/assets/pages.css' }
}

function formFields(
  { secrets }: ServerContext,
  { browser, session }: Visitor,
  { requestToken, redirectUri }: ConsentLink,
): FormFields {
  return { action: '/agent/auth', requestToken, redirectUri, csrf: secrets.csrfFor(browser, pageOf(session)) }
}
