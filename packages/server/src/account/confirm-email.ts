import { readParameters } from 'countersign/editions'
import { parseJsonObject } from 'countersign/tokens'
import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { csrfOf, type SignedInVisit, type Visit } from '../http/visit.js'
import { isEmail } from '../lib/credential-rules.js'
import { cleanText } from '../lib/plain-text.js'
import { renderChangeEmail } from '../pages/account/your-account-page.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ChangeEmailPage } from '../pages/models/yours-models.js'
import { renderConfirmEmail } from '../pages/recovery-pages.js'
import { requestEmail } from '../sign-in/request-email.js'
import type { AddressChange, EmailConfirmation } from '../storage/api/email-storage.js'
import { type AccountHandler, accountFrame, accountResponse, pathWithNotice } from './account-handler.js'

/** What a link in an email confirms. Using it again changes nothing, so it need not be stored. */
type Confirmation = Omit<EmailConfirmation, 'language'>

const purpose = 'confirm-email'

const lifetime = 86_400

/** Encrypts a confirmation, for the link in an email. */
export function sealConfirmation({ secrets, now }: ServerContext, confirmation: Confirmation): string {
  return secrets.seal(purpose, JSON.stringify({ ...confirmation, expiresAt: now() + lifetime }))
}

function requireConfirmation({ secrets, now }: ServerContext, token: string | undefined): Confirmation {
  const { userId, email, change, expiresAt } = parseJsonObject(secrets.unseal(purpose, token ?? '') ?? '') ?? {}
  if (typeof userId !== 'string' || typeof email !== 'string' || !(Number(expiresAt) > now()))
    throw new PageError('link_invalid')
  return { userId, email, change: change as AddressChange | undefined }
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
export const requestConfirmation: AccountHandler = (context, visit) => sendConfirmation(context, visit)

/** Sends an email to the user's address, or to one that then replaces it. */
async function sendConfirmation(
  context: ServerContext,
  visit: SignedInVisit,
  to: { address?: string; about?: { change: AddressChange } } = {},
): Promise<Response> {
  if (!context.sendEmail) throw new PageError('not_found')
  const { username } = visit.session.user
  const retryAfter = await requestEmail(context, visit, { kind: 'confirm', username, ...to })
  if (retryAfter !== undefined) throw new PageError('too_many_requests', { retryAfter })
  const notice = { path: accountPaths.yours, what: 'email_requested', at: context.now() }
  return seeOther(pathWithNotice(context, visit, notice))
}

/** Renders the page that changes the address, initially or after a failed attempt. */
export const changeEmailPage = async (
  context: ServerContext,
  visit: SignedInVisit,
  entered?: string,
): Promise<Response> => {
  const user = await context.storage.findUser(visit.session.user.id)
  const model: ChangeEmailPage = {
    ...accountFrame(context, visit),
    email: user?.email ?? '',
    entered,
    mustConfirm: context.sendEmail !== undefined,
  }
  return accountResponse(renderChangeEmail(model, visit.messages), visit, { status: entered === undefined ? 200 : 400 })
}

/** Changes the address: with a link that is sent there if the server sends emails, otherwise at once. */
export const changeEmail: AccountHandler = async (context, visit) => {
  const { form, session } = visit
  const email = (form.get('email') ?? '').trim()
  const before = form.get('before') || null
  if (!isEmail(email)) return changeEmailPage(context, visit, email)
  const user = await context.storage.findUser(session.user.id)
  if (user?.email !== before || email === before) return seeOther(accountPaths.yours)
  if (context.sendEmail) {
    const { credentialRevision } = session.user
    return sendConfirmation(context, visit, {
      address: email,
      about: { change: { replaces: before, credentialRevision } },
    })
  }
  await context.storage.editUser({ userId: user.id, email, before: { email: before } })
  return seeOther(accountPaths.yours)
}

/** Turns emails about agents on or off, as the form states. */
export const changeAgentEmails: AccountHandler = async (context, { form, session }) => {
  const emails = form.get('emails')
  if (emails !== 'on' && emails !== 'off') throw new PageError('bad_form')
  await context.storage.editUser({ userId: session.user.id, agentEmails: emails === 'on' })
  return seeOther(accountPaths.yours)
}

/** The maximum number of characters of a name. */
const longestName = 100

/** Changes the name that agents learn and pages show; an empty one removes it. Another name than the user saw is not overwritten. */
export const changeName: AccountHandler = async (context, visit) => {
  const { form, session } = visit
  const name = cleanText(form.get('name') ?? '', longestName)
  const before = { displayName: form.get('before') || null }
  await context.storage.editUser({ userId: session.user.id, displayName: name || null, before })
  return seeOther(accountPaths.yours)
}
