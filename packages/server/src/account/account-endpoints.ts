import type { ReceivedMessage } from 'countersign'
import { readParameters } from 'countersign/wire'
import { linkPath, requireLink } from '../consent/outcome.js'
import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { htmlResponse, seeOther } from '../http/html-response.js'
import { localPath, placeAt } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import { messagesFor, pageFrame, viewOf } from '../http/page-frame.js'
import { readSubmission } from '../http/submission.js'
import { pageOf } from '../http/visit.js'
import { renderSignedOut } from '../pages/account/signed-out-page.js'
import { accountPaths, signInPath } from '../pages/account-paths.js'
import { accountChanged } from '../sign-in/account-changed.js'
import { isFresh } from '../sign-in/fresh-sign-in.js'
import { registrationOptions, signInOptions } from '../sign-in/passkeys.js'
import { type Action, chooseLanguage, signIn, signInWithPasskey, signUp } from '../sign-in/sign-in-actions.js'
import { signInPageAt, signUpPageAt } from '../sign-in/sign-in-page-at.js'
import { accountActions } from './account-actions.js'
import type { AccountView } from './account-frame.js'
import type { AccountPage } from './account-pages.js'
import { confirmPage } from './confirm-person.js'
import { readNotice } from './notice.js'

/** Shows a page of the account; who is not signed in signs in first. */
export async function showAccountPage(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  accountPage: AccountPage,
  id: string,
): Promise<Response> {
  const view = await viewOf(context, cookies, request)
  const { session } = view.visitor
  if (!session) return seeOther(signInPath(view.path), view.visitor.newCookies)
  return accountPage(context, { ...view, session, query: new URL(request.url).searchParams }, id)
}

/** `POST /account`: every form of the account. */
export async function submitAccountForm(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage,
): Promise<Response> {
  const submission = await readSubmission(context, cookies, request, received)
  const { visitor, form, page } = submission
  const action = accountActions.get(form.get('action') ?? '')
  if (!action) throw new PageError('bad_form')
  const { session } = visitor
  if (!session) return seeOther(accountPaths.signIn)
  if (page !== pageOf(session))
    throw accountChanged(context, visitor, { kind: 'account', returnTo: accountPaths.agents })
  const view: AccountView = {
    visitor,
    session,
    messages: messagesFor(cookies, request),
    path: accountPaths.agents,
    query: new URLSearchParams(),
  }
  return action(context, cookies, submission, view)
}

/** `GET /account/sign-in` and `GET /account/sign-up`, on the way to a page of this server. */
export async function showEntrance(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  entrance: 'sign-in' | 'sign-up',
): Promise<Response> {
  const view = await viewOf(context, cookies, request)
  const returnTo = localPath(readParameters(new URL(request.url).searchParams).get('return_to'))
  if (entrance === 'sign-up' && !context.signUp) throw new PageError('not_found')
  if (entrance === 'sign-in' && view.visitor.session) return seeOther(returnTo)
  const at = await placeAt(context, returnTo, view)
  if ('answered' in at) return at.answered
  return entrance === 'sign-in' ? signInPageAt(context, view, at.place) : signUpPageAt(context, view, at.place)
}

const entranceActions: ReadonlyMap<string, Action> = new Map([
  ['login', signIn],
  ['passkey', signInWithPasskey],
  ['sign-up', signUp],
  ['language', chooseLanguage],
])

/** `POST /account/sign-in`, `/account/sign-up` and `/account/language`. */
export async function submitEntranceForm(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage,
): Promise<Response> {
  const submission = await readSubmission(context, cookies, request, received)
  const action = entranceActions.get(submission.form.get('action') ?? '')
  if (!action) throw new PageError('bad_form')
  const { visitor, form } = submission
  const path = form.has('request_token') ? linkPath(requireLink(form)) : localPath(form.get('return_to'))
  const view = { visitor, messages: messagesFor(cookies, request), path }
  return action(context, cookies, submission, view)
}

/** `POST /account/passkeys/challenge` and `/account/passkeys/options`: what a passkey ceremony starts with, as JSON. */
export async function passkeyOptions(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage,
  ceremony: 'sign-in' | 'registration',
): Promise<Response> {
  const submission = await readSubmission(context, cookies, request, received)
  const { session } = submission.visitor
  if (ceremony === 'registration' && !(session && isFresh(context, session))) throw new PageError('csrf')
  const options =
    ceremony === 'registration' && session
      ? await registrationOptions(context, submission, session.user)
      : await signInOptions(context, submission)
  return new Response(JSON.stringify(options), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  })
}

/** `GET /account/confirm`: asks a signed-in person to show again who they are, on the way to a page of this server. */
export async function showConfirmation(context: ServerContext, cookies: Cookies, request: Request): Promise<Response> {
  const view = await viewOf(context, cookies, request)
  const { session } = view.visitor
  const query = new URL(request.url).searchParams
  const returnTo = localPath(readParameters(query).get('return_to'))
  if (!session) return seeOther(signInPath(returnTo))
  return confirmPage(context, { ...view, session, query }, returnTo)
}

const reasons = ['signed_out', 'signed_out_everywhere', 'account_closed'] as const

/** `GET /account/signed-out`: what ended, to the browser in which it did. */
export async function showSignedOut(context: ServerContext, cookies: Cookies, request: Request): Promise<Response> {
  const view = await viewOf(context, cookies, request)
  if (view.visitor.session) return seeOther(accountPaths.agents)
  const notice = readNotice(context, view.visitor, new URL(request.url).searchParams)
  const reason = reasons.find((each) => each === notice?.what)
  if (!reason) return seeOther(accountPaths.signIn)
  const html = renderSignedOut({ ...pageFrame(context, view), reason, signInHref: accountPaths.signIn }, view.messages)
  return htmlResponse(html, { cookies: view.visitor.newCookies })
}
