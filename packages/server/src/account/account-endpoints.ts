import { readParameters } from 'countersign/editions'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { localPath, requireFew, type Visit, viewerOf } from '../http/visit.js'
import { renderSignedOut } from '../pages/account/signed-out-page.js'
import { accountPaths, signInPath } from '../pages/models/account-paths.js'
import { optionsResponse, ownPasskey, registrationOptions } from '../sign-in/passkeys.js'
import { accountDestination } from '../sign-in/render-sign-in.js'
import { setUpFirst } from '../sign-in/second-factor.js'
import { accountChanged } from '../sign-in/session.js'
import { accountActions } from './account-actions.js'
import { type AccountHandler, readNotice } from './account-handler.js'
import { confirmPage, isProved } from './confirm-person.js'
import { invitedOptions } from './new-password.js'

/** Shows an account page. Users who are not signed in are sent to the sign-in page first. */
export async function showAccountPage(context: ServerContext, visit: Visit, page: AccountHandler): Promise<Response> {
  const { session } = visit
  if (!session) return seeOther(signInPath(visit.path), visit.newCookies)
  const signedIn = { ...visit, session }
  requireFew(context, signedIn, 'pages')
  const isSetUp = visit.url.pathname === accountPaths.secondFactor
  return (isSetUp ? undefined : await setUpFirst(context, signedIn, visit.path)) ?? page(context, signedIn)
}

/** The forms of a user who must set up a second factor first. */
const beforeSetUp: ReadonlySet<string | undefined> = new Set(['set-up-factor', 'reauthenticate', 'passkey', 'logout'])

/** `POST /account`: handles every account form. */
export async function submitAccountForm(context: ServerContext, visit: Visit): Promise<Response> {
  const { form, formOf, session } = visit
  const action = accountActions.get(form.get('action'))
  if (!action) throw new PageError('bad_form')
  if (!session) return seeOther(accountPaths.signIn)
  if (formOf !== viewerOf(session)) throw accountChanged(context, visit, accountDestination(accountPaths.agents))
  const signedIn = { ...visit, session, path: accountPaths.agents }
  requireFew(context, signedIn, 'forms')
  const isAllowed = beforeSetUp.has(form.get('action'))
  return (isAllowed ? undefined : await setUpFirst(context, signedIn, accountPaths.agents)) ?? action(context, signedIn)
}

/** `POST /account/passkeys/options`: returns the options for adding a passkey, as JSON; with `link`, the first one of an invited user. */
export async function newPasskeyOptions(context: ServerContext, visit: Visit): Promise<Response> {
  const { form, session } = visit
  if (form.get('link') !== undefined) return optionsResponse(await invitedOptions(context, visit))
  if (!session || !(await isProved(context, session))) throw new PageError('csrf')
  return optionsResponse(await registrationOptions(context, visit, ownPasskey(session.user)))
}

/** `GET /account/confirm`: asks a signed-in user to reauthenticate before continuing to a page on this server. */
export async function showConfirmation(context: ServerContext, visit: Visit): Promise<Response> {
  const { session, url } = visit
  const returnTo = localPath(readParameters(url.searchParams).get('return_to'))
  if (!session) return seeOther(signInPath(returnTo))
  return confirmPage(context, { ...visit, session }, { returnTo })
}

const reasons = [
  'signed_out',
  'signed_out_everywhere',
  'account_closed',
  'password_set',
  'passkey_set',
  'email_confirmed',
] as const

/** `GET /account/signed-out`: shows what was signed out or closed, or that a password or passkey was set, only in the browser where it happened. */
export async function showSignedOut(context: ServerContext, visit: Visit): Promise<Response> {
  if (visit.session) return seeOther(accountPaths.agents)
  const notice = readNotice(context, visit)
  const reason = reasons.find((each) => each === notice?.what)
  if (!reason) return seeOther(accountPaths.signIn)
  const model = { ...pageFrame(context, visit), reason, signInHref: accountPaths.signIn }
  return htmlResponse(renderSignedOut(model, visit.messages), { cookies: visit.newCookies })
}
