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
  return forgotPage(context, visit)
}

/**
 * `POST /account/forgot`: sends a link for a new password if the account exists and its email address is confirmed. Whether it does is only
 * determined when the email is sent, so neither the response nor its time depends on it.
 */
export async function submitForgot(context: ServerContext, visit: Visit): Promise<Response> {
  const username = (visit.form.get('username') ?? '').trim()
  if (username === '' || username.length > usernameMaximum) return forgotPage(context, visit)
  const retryAfter = await requestEmail(requireEmail(context), visit, { kind: 'reset', username })
  if (retryAfter !== undefined) return forgotPage(context, visit, { retryAfter })
  return seeOther(accountPaths.linkSent, visit.newCookies)
}

/** `GET /account/link-sent`: the same page whether or not an email was sent. */
export async function showLinkSent(context: ServerContext, visit: Visit): Promise<Response> {
  const html = renderLinkSent({ ...pageFrame(requireEmail(context), visit), back: accountPaths.signIn }, visit.messages)
  return htmlResponse(html, { cookies: visit.newCookies })
}

function forgotPage(context: ServerContext, visit: Visit, throttled?: { retryAfter: number }): Response {
  const form = { action: accountPaths.forgot, csrf: csrfOf(requireEmail(context), visit) }
  const model = {
    ...pageFrame(context, visit),
    form,
    problem: throttled && ('throttled' as const),
    back: accountPaths.signIn,
  }
  const html = renderForgot(model, visit.messages)
  return htmlResponse(html, { status: throttled ? 429 : 200, cookies: visit.newCookies, ...throttled })
}

function requireEmail(context: ServerContext): ServerContext {
  if (!context.sendEmail) throw new PageError('not_found')
  return context
}
