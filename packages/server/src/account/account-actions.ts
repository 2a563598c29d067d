import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { seeOther } from '../http/html-response.js'
import { localPath } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import type { Submission } from '../http/submission.js'
import type { SecurityPage, SignedOutPage } from '../pages/account-models.js'
import { accountPaths, signInPath } from '../pages/account-paths.js'
import { passwordProblem } from '../policy/account-policy.js'
import { checkPassword } from '../sign-in/check-password.js'
import { isFresh } from '../sign-in/fresh-sign-in.js'
import { addPasskey } from '../sign-in/passkeys.js'
import { hashPassword } from '../sign-in/passwords.js'
import { endSessionOf, renewSession } from '../sign-in/session.js'
import type { AccountView } from './account-frame.js'
import { closePage, passwordPage, securityPage } from './account-pages.js'
import { endedGrants, liveGrants } from './agent-entries.js'
import { confirmFirst, confirmPerson } from './confirm-person.js'
import { endOf } from './end-of.js'
import { pathWithNotice } from './notice.js'

/** What a form of the account does. */
export type AccountAction = (
  context: ServerContext,
  cookies: Cookies,
  submission: Submission,
  view: AccountView,
) => Promise<Response>

const removeAgent: AccountAction = async (context, _cookies, { form }, view) => {
  const userId = view.session.user.id
  const grant = await context.storage.findGrant(form.get('agent') ?? '')
  if (grant?.userId !== userId) throw new PageError('not_found', { retry: accountPaths.agents })
  // The page said that the agent can then no longer act there, however often it was allowed.
  const now = context.now()
  const live = await liveGrants(context, grant)
  for (const { id } of live) await context.storage.revokeGrant({ grantId: id, by: userId, userId })
  if (live.length > 0) return removedAt(context, view, now)
  // A form that is posted again tells when it was done.
  const ends = (await endedGrants(context, grant)).flatMap((each) => endOf(each, now)?.at ?? [])
  return removedAt(context, view, Math.max(...ends))
}

const removeAllAgents: AccountAction = async (context, _cookies, _submission, view) => {
  const userId = view.session.user.id
  const removed = await context.storage.revokeGrants({ userId, by: userId })
  return removed > 0 ? removedAt(context, view, context.now()) : seeOther(accountPaths.agents)
}

function removedAt(context: ServerContext, view: AccountView, at: number): Response {
  return seeOther(pathWithNotice(context, view.visitor, accountPaths.agents, { what: 'removed', at }))
}

const endSession: AccountAction = async (context, _cookies, { form }, view) => {
  const ended = await context.storage.endSessionById({ userId: view.session.user.id, id: form.get('session') ?? '' })
  if (!ended) throw new PageError('not_found', { retry: accountPaths.agents })
  return secured(context, view, 'session_ended')
}

const signOutEverywhere: AccountAction = async (context, cookies, _submission, view) => {
  await context.storage.endSessions({ userId: view.session.user.id })
  return signedOut(context, cookies, view, 'signed_out_everywhere')
}

/** With `return_to`, on the way to sign in as somebody else. */
const signOut: AccountAction = async (context, cookies, { form }, view) => {
  const ended = await endSessionOf(context, cookies, view.visitor)
  const returnTo = form.get('return_to')
  return returnTo === undefined
    ? signedOut(context, cookies, view, 'signed_out')
    : seeOther(signInPath(localPath(returnTo)), ended)
}

const changePassword: AccountAction = async (context, cookies, submission, view) => {
  const { user } = view.session
  const { form, visitor } = submission
  const password = form.get('password') ?? ''
  const fresh = form.get('new_password') ?? ''
  const check = await checkPassword(context, submission, user.username, password)
  if (check.outcome !== 'right')
    return passwordPage(context, view, check.outcome === 'wrong' ? 'wrong_password' : 'throttled')
  const weak = passwordProblem(fresh, user.username)
  if (weak) return passwordPage(context, view, `new_${weak}`)
  if (fresh === password) return passwordPage(context, view, 'new_password_same')
  const change = { userId: user.id, passwordHash: await hashPassword(fresh), keepSession: visitor.sessionHash }
  await context.storage.setPasswordHash(change)
  await context.storage.rememberDevice({ userId: user.id, browserHash: visitor.browserHash })
  return secured(context, view, 'password_changed', await renewSession(context, cookies, submission))
}

const registerPasskey: AccountAction = async (context, _cookies, submission, view) => {
  const added = await addPasskey(context, submission, view.session.user)
  return added ? secured(context, view, 'passkey_added') : securityPage(context, view, 'passkey_failed')
}

const removePasskey: AccountAction = async (context, _cookies, { form }, view) => {
  const credentialId = form.get('passkey') ?? ''
  if (!(await context.storage.removePasskey({ userId: view.session.user.id, credentialId })))
    throw new PageError('not_found', { retry: accountPaths.agents })
  return secured(context, view, 'passkey_removed')
}

const closeAccount: AccountAction = async (context, cookies, submission, view) => {
  const { user } = view.session
  const credential = await context.storage.findCredential(user.username)
  if (credential) {
    const check = await checkPassword(context, submission, user.username, submission.form.get('password') ?? '')
    if (check.outcome !== 'right')
      return closePage(context, view, check.outcome === 'wrong' ? 'wrong_password' : 'throttled')
  }
  await context.storage.closeAccount(user.id)
  return signedOut(context, cookies, view, 'account_closed')
}

function onceConfirmed(action: AccountAction, returnTo: string): AccountAction {
  return async (context, cookies, submission, view) =>
    isFresh(context, view.session) ? action(context, cookies, submission, view) : confirmFirst(returnTo)
}

function secured(
  context: ServerContext,
  view: AccountView,
  what: NonNullable<SecurityPage['notice']>,
  newCookies: readonly string[] = [],
): Response {
  return seeOther(pathWithNotice(context, view.visitor, accountPaths.security, { what, at: context.now() }), newCookies)
}

function signedOut(
  context: ServerContext,
  cookies: Cookies,
  { visitor }: AccountView,
  what: SignedOutPage['reason'],
): Response {
  const nobody = { browser: visitor.browser, session: undefined }
  const path = pathWithNotice(context, nobody, accountPaths.signedOut, { what, at: context.now() })
  return seeOther(path, [cookies.clearSession()])
}

/** The forms of an account by their `action`. */
export const accountActions: ReadonlyMap<string, AccountAction> = new Map<string, AccountAction>([
  ['reauthenticate', confirmPerson],
  ['passkey', confirmPerson],
  ['remove-agent', removeAgent],
  ['remove-all-agents', removeAllAgents],
  ['end-session', endSession],
  ['sign-out-everywhere', signOutEverywhere],
  ['sign-out', signOut],
  ['logout', signOut],
  ['change-password', changePassword],
  ['add-passkey', onceConfirmed(registerPasskey, accountPaths.security)],
  ['remove-passkey', onceConfirmed(removePasskey, accountPaths.security)],
  ['close-account', onceConfirmed(closeAccount, accountPaths.close)],
])
