import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { htmlResponse, seeOther } from '../http/html-response.js'
import { localPath } from '../http/local-path.js'
import { pageFrame } from '../http/page-frame.js'
import type { Submission } from '../http/submission.js'
import { pageOf } from '../http/visit.js'
import { accountPaths } from '../pages/account-paths.js'
import type { ReauthenticationPage } from '../pages/models.js'
import { renderReauthentication } from '../pages/reauthentication-page.js'
import { checkPassword } from '../sign-in/check-password.js'
import { verifyPasskey } from '../sign-in/passkeys.js'
import { renewSession } from '../sign-in/session.js'
import { signInPageAt } from '../sign-in/sign-in-page-at.js'
import type { AccountView } from './account-frame.js'

/** Leads to the page that asks for the password again, and from there to a page of the account. */
export function confirmFirst(returnTo: string): Response {
  return seeOther(`${accountPaths.confirm}?return_to=${encodeURIComponent(returnTo)}`)
}

type Shown = Pick<ReauthenticationPage, 'problem'> & { retryAfter?: number }

/** `GET /account/confirm`, first or again. Who has neither password nor passkey here signs in anew. */
export async function confirmPage(
  context: ServerContext,
  view: AccountView,
  returnTo: string,
  { problem, retryAfter }: Shown = {},
): Promise<Response> {
  const { session, visitor } = view
  const password = await context.storage.findCredential(session.user.username)
  const passkeys = context.passkeys ? await context.storage.listPasskeys(session.user.id) : []
  if (!password && passkeys.length === 0)
    return signInPageAt(context, view, { kind: 'account', returnTo }, { again: 'security' })
  const html = renderReauthentication(
    {
      ...pageFrame(context, view),
      form: { action: accountPaths.confirm, csrf: context.secrets.csrfFor(visitor.browser, pageOf(session)), returnTo },
      user: session.user.username,
      ...(problem === undefined ? {} : { problem }),
      ...(passkeys.length > 0 ? { passkey: { options: '/account/passkeys/challenge' } } : {}),
      cancelHref: accountPaths.agents,
    },
    view.messages,
  )
  return htmlResponse(html, {
    status: problem === undefined ? 200 : problem === 'throttled' ? 429 : 401,
    connects: passkeys.length > 0,
    cookies: visitor.newCookies,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

/** `POST /account/confirm`: the password, or a passkey, of the person who is signed in. */
export async function confirmPerson(
  context: ServerContext,
  cookies: Cookies,
  submission: Submission,
  view: AccountView,
): Promise<Response> {
  const { form } = submission
  const { user } = view.session
  const returnTo = localPath(form.get('return_to'))
  if (form.get('action') === 'passkey') {
    const shown = await verifyPasskey(context, submission)
    if (shown?.id !== user.id) return confirmPage(context, view, returnTo, { problem: 'wrong_password' })
  } else {
    const check = await checkPassword(context, submission, user.username, form.get('password') ?? '')
    if (check.outcome === 'throttled') {
      return confirmPage(context, view, returnTo, { problem: 'throttled', retryAfter: check.retryAfter })
    }
    if (check.outcome === 'wrong') return confirmPage(context, view, returnTo, { problem: 'wrong_password' })
  }
  return seeOther(returnTo, await renewSession(context, cookies, submission))
}
