import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { csrfOf, type Visit } from '../http/visit.js'
import { usernameMaximum } from '../lib/credential-rules.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { renderForgot, renderLinkSent } from '../pages/recovery-pages.js'
import { requestEmail } from '../sign-in/request-email.js'

/** `GET /account/forgot`: asks for the username of an account whose password is forgotten. */
export async function showForgot(context: ServerContext, visit: Visit): Promise<Response> {
  requireEmail(context)
  return forgotPage(context, visit)
}

/**
 * `POST /account/forgot`: sends a link for a new password if the account exists and its email address is confirmed. Whether it does is only
 * determined when the email is sent, so neither the response nor its time depends on it.
 */
export async function submitForgot(context: ServerContext, visit: Visit): Promise<Response> {
  requireEmail(context)
  const username = (visit.form.get('username') ?? '').trim()
  if (username === '' || username.length > usernameMaximum) return forgotPage(context, visit)
  const retryAfter = await requestEmail(context, visit, { kind: 'reset', username })
  if (retryAfter !== undefined) return forgotPage(context, visit, retryAfter)
  return seeOther(accountPaths.linkSent, visit.newCookies)
}

/** `GET /account/link-sent`: the same page whether or not an email was sent. */
export async function showLinkSent(context: ServerContext, visit: Visit): Promise<Response> {
  requireEmail(context)
  const html = renderLinkSent({ ...pageFrame(context, visit), back: accountPaths.signIn }, visit.messages)
  return htmlResponse(html, { cookies: visit.newCookies })
}

/** Without email, the server has none of these pages. */
function requireEmail({ sendEmail }: ServerContext): void {
  if (!sendEmail) throw new PageError('not_found')
}

/** @param retryAfter seconds to wait, if the visitor's network has requested too many emails */
function forgotPage(context: ServerContext, visit: Visit, retryAfter?: number): Response {
  const isThrottled = retryAfter !== undefined
  const html = renderForgot(
    {
      ...pageFrame(context, visit),
      form: { action: accountPaths.forgot, csrf: csrfOf(context, visit) },
      problem: isThrottled ? 'throttled' : undefined,
      back: accountPaths.signIn,
    },
    visit.messages,
  )
  return htmlResponse(html, { status: isThrottled ? 429 : 200, cookies: visit.newCookies, retryAfter })
}
