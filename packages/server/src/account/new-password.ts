import { readParameters } from 'countersign/editions'
import type { ServerContext } from '../http/context.js'
import { cookieOf, readCookie } from '../http/cookies.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { shareOf } from '../http/serve-request.js'
import { csrfOf, type Visit } from '../http/visit.js'
import { passwordMinimum, passwordProblem } from '../lib/credential-rules.js'
import { cleanUsername } from '../lib/plain-text.js'
import type { NewPasswordPage, SignedOutPage } from '../pages/models/account-models.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { renderNewPassword } from '../pages/new-password-page.js'
import { hashSecret } from '../secrets/server-keys.js'
import { type Registration, registrationOptions, verifyRegistration } from '../sign-in/passkeys.js'
import { endSession } from '../sign-in/session.js'
import type { FoundLink } from '../storage/api/link-storage.js'
import { pathWithNotice } from './account-handler.js'

/** How long the browser keeps the secret of an opened link, in seconds. */
const openFor = 1200

/**
 * `GET /account/link`: opens a one-time link. Its secret moves from the query, which is not logged, into a cookie, so that the page's URL does
 * not contain it. Only submitting the page's form uses the link, so previews and scanners that open it do no harm.
 */
export async function openLink(context: ServerContext, visit: Visit): Promise<Response> {
  const token = readParameters(visit.url.searchParams).get('token') ?? ''
  await requireLink(context, token)
  return seeOther(accountPaths.newPassword, [...visit.newCookies, cookieOf(context, 'link', token, openFor)])
}

/** `GET /account/new-password`: asks for the password that an opened link sets, or for a passkey instead if the link is an invitation. */
export async function showNewPassword(context: ServerContext, visit: Visit): Promise<Response> {
  return newPasswordPage(context, visit, await openedLink(context, visit))
}

/** `POST /account/new-password`: sets the password, or adds the passkey. The user then signs in with it. */
export async function setNewPassword(context: ServerContext, visit: Visit): Promise<Response> {
  const { storage, knownCallers, passwords } = context
  const link = await namedLink(context, visit)
  if (visit.form.has('credential')) return addFirstPasskey(context, visit, link)
  const password = visit.form.get('new_password') ?? ''
  const weak = passwordProblem(password, link.user.username)
  if (weak) return newPasswordPage(context, visit, link, `new_${weak}`)
  const passwordHash = await passwords.hash(password, shareOf(context, visit.request, visit.ip))
  const user = await storage.setPasswordByLink({ tokenHash: link.tokenHash, passwordHash })
  if (!user) throw new PageError('link_invalid')
  knownCallers.dropSealsOf(user.id)
  return linkUsed(context, visit, 'password_set')
}

async function addFirstPasskey(context: ServerContext, visit: Visit, link: OpenedLink): Promise<Response> {
  const { tokenHash } = link
  const passkey = await verifyRegistration(context, visit, invitedPasskey(link))
  const added = passkey && (await context.storage.addPasskeyByLink({ ...passkey, tokenHash }))
  if (added === 'unknown') throw new PageError('link_invalid')
  return added === 'added'
    ? linkUsed(context, visit, 'passkey_set')
    : newPasswordPage(context, visit, link, 'passkey_failed')
}

/** Returns the options for the first passkey of the user of the opened invitation. */
export async function invitedOptions(context: ServerContext, visit: Visit): Promise<object> {
  const link = await namedLink(context, visit)
  return registrationOptions(context, visit, invitedPasskey(link))
}

function invitedPasskey({ user, name, purpose }: OpenedLink): Registration {
  if (purpose !== 'invite') throw new PageError('link_invalid')
  return { user, purpose: `invitation ${name}` }
}

async function linkUsed(context: ServerContext, visit: Visit, what: SignedOutPage['reason']): Promise<Response> {
  const cookies = [...(await endSession(context, visit)), cookieOf(context, 'link', '', 0)]
  const notice = { path: accountPaths.signedOut, what, at: context.now() }
  return seeOther(pathWithNotice(context, { browser: visit.browser, session: undefined }, notice), cookies)
}

interface OpenedLink extends FoundLink {
  tokenHash: string
  /** Identifies the link in the page's form. */
  name: string
}

async function openedLink(context: ServerContext, { request }: Visit): Promise<OpenedLink> {
  return requireLink(context, readCookie(context, request, 'link') ?? '')
}

/** The opened link, if the form is for it: the browser may have opened another one since, which could be for another account. */
async function namedLink(context: ServerContext, visit: Visit): Promise<OpenedLink> {
  const link = await openedLink(context, visit)
  if (visit.form.get('link') !== link.name) throw new PageError('link_invalid')
  return link
}

async function requireLink({ storage }: ServerContext, token: string): Promise<OpenedLink> {
  const tokenHash = hashSecret(token)
  const found = await storage.findLink(tokenHash)
  if (!found) throw new PageError('link_invalid')
  return { ...found, tokenHash, name: hashSecret(`link ${token}`).slice(0, 22) }
}

function newPasswordPage(
  context: ServerContext,
  visit: Visit,
  { user, purpose, name }: OpenedLink,
  problem?: NewPasswordPage['problem'],
): Response {
  const addsPasskey = context.passkeys !== undefined && purpose === 'invite'
  const model: NewPasswordPage = {
    ...pageFrame(context, visit),
    form: { action: accountPaths.newPassword, csrf: csrfOf(context, visit) },
    link: name,
    purpose,
    user: cleanUsername(user.username),
    passwordMinimum,
    addsPasskey,
    problem,
  }
  const status = problem === undefined ? 200 : 400
  const options = { status, cookies: visit.newCookies, connects: addsPasskey }
  return htmlResponse(renderNewPassword(model, visit.messages), options)
}
