import { readParameters } from 'countersign/editions'
import { parseJsonObject } from 'countersign/tokens'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { csrfOf, type Visit } from '../http/visit.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { renderConfirmEmail } from '../pages/recovery-pages.js'
import { requestEmail } from '../sign-in/request-email.js'
import { type AccountHandler, pathWithNotice } from './account-handler.js'

/** What a link in an email confirms. Using it again changes nothing, so it need not be stored. */
interface Confirmation {
  userId: string
  email: string
}

const purpose = 'confirm-email'

const lifetime = 86_400

/** Encrypts a confirmation, for the link in an email. */
export function sealConfirmation({ secrets, now }: ServerContext, confirmation: Confirmation): string {
  return secrets.seal(purpose, JSON.stringify({ ...confirmation, expiresAt: now() + lifetime }))
}

function requireConfirmation({ secrets, now }: ServerContext, token: string | undefined): Confirmation {
  const { userId, email, expiresAt } = parseJsonObject(secrets.unseal(purpose, token ?? '') ?? '') ?? {}
  if (typeof userId !== 'string' || typeof email !== 'string' || !(Number(expiresAt) > now()))
    throw new PageError('link_invalid')
  return { userId, email }
}

/** `GET /account/email`: asks whether to confirm the address. Opening the link does not confirm it. */
export async function showConfirmEmail(context: ServerContext, visit: Visit): Promise<Response> {
  const token = readParameters(visit.url.searchParams).get('token') ?? ''
  const { email } = requireConfirmation(context, token)
  const form = { action: accountPaths.confirmEmail, csrf: csrfOf(context, visit) }
  // Any path would contain the token, so the page offers no language choice.
  const model = { ...pageFrame(context), form, token, email }
  return htmlResponse(renderConfirmEmail(model, visit.messages), { cookies: visit.newCookies })
}

/** `POST /account/email`: confirms the address, for the account that the link names. */
export async function submitConfirmEmail(context: ServerContext, visit: Visit): Promise<Response> {
  const confirmation = requireConfirmation(context, visit.form.get('token'))
  if (!(await context.storage.confirmEmail({ ...confirmation, language: visit.messages.lang })))
    throw new PageError('link_invalid')
  if (visit.session?.user.id === confirmation.userId) return seeOther(accountPaths.yours)
  const { browser } = visit
  const notice = { path: accountPaths.signedOut, what: 'email_confirmed', at: context.now() }
  return seeOther(pathWithNotice(context, { browser, session: undefined }, notice))
}

/** Sends the user an email with which they confirm their address. */
export const requestConfirmation: AccountHandler = async (context, visit) => {
  if (!context.sendEmail) throw new PageError('not_found')
  const { username } = visit.session.user
  const retryAfter = await requestEmail(context, visit, { kind: 'confirm', username })
  if (retryAfter !== undefined) throw new PageError('too_many_requests', { retryAfter })
  const notice = { path: accountPaths.yours, what: 'email_requested', at: context.now() }
  return seeOther(pathWithNotice(context, visit, notice))
}
