import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { shareOf } from '../http/serve-request.js'
import { localPath, type SignedInVisit } from '../http/visit.js'
import { passwordProblem } from '../lib/credential-rules.js'
import { removedWith } from '../lib/policy.js'
import type { SecurityPage, SignedOutPage } from '../pages/models/account-models.js'
import { accountPaths, signInPath } from '../pages/models/account-paths.js'
import { checkPassword } from '../sign-in/check-password.js'
import { addPasskey } from '../sign-in/passkeys.js'
import { clearedSession, endSession, knownCookie, type Proof, renewSession, signInChanged } from '../sign-in/session.js'
import type { ListedGrant } from '../storage/api/storage.js'
import { type AccountHandler, pathWithNotice } from './account-handler.js'
import { closePage } from './account-pages.js'
import { endedGrants, endOf, liveGrants, requireOwnGrant } from './agent-entries.js'
import { changeAgentEmails, changeEmail, changeName, requestConfirmation } from './confirm-email.js'
import { confirmUser, requireFreshSignIn, requireProof, requireSecondProof } from './confirm-person.js'
import { checkDeviceCode, confirmDevice, connectDevice, disconnectDevice, newDeviceCode } from './device-pages.js'
import { extendPermission } from './extensions.js'
import { findIdentity, issuersOf } from './linked-providers.js'
import { newRecoveryCodes, removeFactor, setUpFactor } from './second-factor-pages.js'
import { passwordPage, securityPage } from './security-pages.js'

const removeAgent: AccountHandler = async (context, visit) => {
  const userId = visit.session.user.id
  const grant = await requireOwnGrant(context, visit, visit.form.get('agent') ?? '')
  // The page promised that the agent loses all access at this resource, so every live grant is revoked, not only this one.
  const now = context.now()
  const isRemoved = await endGrants(
    () => liveGrants(context, grant),
    (grantId) => context.storage.revokeGrant({ grantId, by: userId, userId }),
  )
  if (isRemoved) return removedAt(context, visit, now)
  // If the form is submitted again, the notice shows when access was revoked.
  const ends = (await endedGrants(context, grant)).flatMap((each) => endOf(each, now)?.at ?? [])
  return removedAt(context, visit, Math.max(...ends))
}

/**
 * Ends the listed grants, and lists them again until none is left: what is left of a grant whose permission is removed at the same time is
 * another grant. Returns whether there were any.
 */
async function endGrants(
  list: () => Promise<{ id: string }[]>,
  end: (grantId: string) => Promise<unknown>,
): Promise<boolean> {
  const ended = new Set<string>()
  for (;;) {
    const found = (await list()).filter(({ id }) => !ended.has(id))
    if (found.length === 0) return ended.size > 0
    for (const { id } of found) {
      await end(id)
      ended.add(id)
    }
  }
}

/** Removes a permission from every grant of the agent here. If the form is submitted again, nothing is left to do. */
const removePermission: AccountHandler = async (context, visit) => {
  const userId = visit.session.user.id
  const grant = await requireOwnGrant(context, visit, visit.form.get('agent') ?? '')
  const names = removedWith(visit.form.get('permission') ?? '')
  const has = ({ scope }: ListedGrant) => scope.split(' ').some((name) => names.includes(name))
  const isRemoved = await endGrants(
    async () => (await liveGrants(context, grant)).filter(has),
    (grantId) => context.storage.removePermissions({ grantId, userId, names }),
  )
  const path = accountPaths.agent(grant.id)
  if (!isRemoved) return seeOther(path)
  return seeOther(pathWithNotice(context, visit, { path, what: 'removed', at: context.now() }))
}

/** Lets an agent that acts for this user only act for no one. */
const unbindAgent: AccountHandler = async (context, visit) => {
  const userId = visit.session.user.id
  const grant = await requireOwnGrant(context, visit, visit.form.get('agent') ?? '')
  const { edition, agent, delegate } = grant
  const removed = await context.storage.removeBinding({ edition, agent, delegate, userId, by: userId })
  return removed ? removedAt(context, visit, context.now()) : seeOther(accountPaths.agents)
}

const removeAllAgents: AccountHandler = async (context, visit) => {
  const userId = visit.session.user.id
  const removed = await context.storage.revokeGrants({ userId, by: userId })
  return removed > 0 ? removedAt(context, visit, context.now()) : seeOther(accountPaths.agents)
}

function removedAt(context: ServerContext, visit: SignedInVisit, at: number): Response {
  return seeOther(pathWithNotice(context, visit, { path: accountPaths.agents, what: 'removed', at }))
}

const endOtherSession: AccountHandler = async (context, visit) => {
  const id = visit.form.get('session') ?? ''
  const ended = await context.storage.endSessionById({ userId: visit.session.user.id, id })
  if (!ended) throw new PageError('not_found', { retry: accountPaths.agents })
  return secured(context, visit, { what: 'session_ended' })
}

const signOutEverywhere: AccountHandler = async (context, visit) => {
  await context.storage.endSessions({ userId: visit.session.user.id })
  return signedOut(context, visit, 'signed_out_everywhere')
}

const endOtherSessions: AccountHandler = async (context, visit) => {
  await context.storage.endSessions({ userId: visit.session.user.id, exceptIdHash: visit.sessionHash })
  return secured(context, visit, { what: 'others_ended' })
}

/** Unlinks the provider, unless the user could then no longer sign in. */
const removeProvider: AccountHandler = async (context, visit) => {
  const { id: userId, credentialRevision } = visit.session.user
  const identity = await findIdentity(context, userId, visit.form.get('identity') ?? '')
  if (!identity) throw new PageError('not_found', { retry: accountPaths.yours })
  const { issuer, subject } = identity
  const otherWays = { passkey: context.passkeys !== undefined, issuers: issuersOf(context) }
  const removed = await context.storage.unlinkFederated({ userId, credentialRevision, issuer, subject, otherWays })
  if (removed === 'changed') throw signInChanged(visit)
  const what = removed === 'only_way' ? 'provider_only_way' : 'provider_removed'
  return seeOther(pathWithNotice(context, visit, { path: accountPaths.yours, what, at: context.now() }))
}

/** With `return_to`, continues to the sign-in page for signing in as another user. */
const signOut: AccountHandler = async (context, visit) => {
  const ended = await endSession(context, visit)
  const returnTo = visit.form.get('return_to')
  return returnTo === undefined
    ? signedOut(context, visit, 'signed_out')
    : seeOther(signInPath(localPath(returnTo)), ended)
}

const changePassword: AccountHandler = async (context, visit) => {
  const { form, sessionHash, browserHash } = visit
  const { id: userId, username } = visit.session.user
  const password = form.get('password') ?? ''
  const fresh = form.get('new_password') ?? ''
  const check = await checkPassword(context, visit, { username, password })
  if (check.outcome === 'wrong') return passwordPage(context, visit, { problem: 'wrong_password' })
  if (check.outcome === 'throttled')
    return passwordPage(context, visit, { problem: 'throttled', retryAfter: check.retryAfter })
  const weak = passwordProblem(fresh, username)
  if (weak) return passwordPage(context, visit, { problem: `new_${weak}` })
  if (fresh === password) return passwordPage(context, visit, { problem: 'new_password_same' })
  const credentialRevision = await context.storage.setPasswordHash({
    userId,
    credentialRevision: check.user.credentialRevision,
    passwordHash: await context.passwords.hash(fresh, shareOf(context, visit.request, visit.ip)),
    keepSession: sessionHash,
    keepBrowser: browserHash,
  })
  if (credentialRevision === undefined) throw signInChanged(visit)
  context.knownCallers.dropSealsOf(userId)
  const amr = visit.session.amr.includes('otp') ? (['pwd', 'otp'] as const) : (['pwd'] as const)
  const proof: Proof = { user: { id: userId, credentialRevision }, factorAddedAt: check.addedAt, amr: [...amr] }
  return secured(context, visit, {
    what: 'password_changed',
    newCookies: [...(await renewSession(context, visit, proof)), knownCookie(context, visit, userId)],
  })
}

const registerPasskey: AccountHandler = async (context, visit) => {
  const added = await addPasskey(context, visit)
  if (added === 'changed') throw signInChanged(visit)
  return added === 'added'
    ? secured(context, visit, { what: 'passkey_added' })
    : securityPage(context, visit, 'passkey_failed')
}

const removePasskey: AccountHandler = async (context, visit) => {
  const credentialId = visit.form.get('passkey') ?? ''
  const { id: userId, credentialRevision } = visit.session.user
  const removed = await context.storage.removePasskey({ userId, credentialRevision, credentialId })
  if (removed === 'changed') throw signInChanged(visit)
  if (removed === 'unknown') throw new PageError('not_found', { retry: accountPaths.agents })
  return secured(context, visit, { what: 'passkey_removed' })
}

const closeAccount: AccountHandler = async (context, visit) => {
  const { id: userId, username, credentialRevision } = visit.session.user
  const credential = await context.storage.findCredential(username)
  if (credential) {
    const check = await checkPassword(context, visit, { username, password: visit.form.get('password') ?? '' })
    if (check.outcome === 'wrong') return closePage(context, visit, { problem: 'wrong_password' })
    if (check.outcome === 'throttled')
      return closePage(context, visit, { problem: 'throttled', retryAfter: check.retryAfter })
  }
  const closed = await context.storage.closeAccount({ userId, credentialRevision })
  if (!closed) throw signInChanged(visit)
  context.knownCallers.dropSealsOf(userId)
  return signedOut(context, visit, 'account_closed')
}

function secured(
  context: ServerContext,
  visit: SignedInVisit,
  { what, newCookies = [] }: { what: NonNullable<SecurityPage['notice']>; newCookies?: readonly string[] },
): Response {
  return seeOther(pathWithNotice(context, visit, { path: accountPaths.security, what, at: context.now() }), newCookies)
}

function signedOut(context: ServerContext, { browser }: SignedInVisit, what: SignedOutPage['reason']): Response {
  const notice = { path: accountPaths.signedOut, what, at: context.now() }
  return seeOther(pathWithNotice(context, { browser, session: undefined }, notice), [clearedSession(context)])
}

/** The account's form handlers, by the form's `action`. */
export const accountActions: ReadonlyMap<string | undefined, AccountHandler> = new Map<string, AccountHandler>([
  ['reauthenticate', confirmUser],
  ['passkey', confirmUser],
  ['remove-agent', removeAgent],
  ['remove-permission', removePermission],
  ['extend-permission', extendPermission],
  ['unbind-agent', unbindAgent],
  ['remove-all-agents', removeAllAgents],
  ['end-session', endOtherSession],
  ['end-other-sessions', endOtherSessions],
  ['sign-out-everywhere', signOutEverywhere],
  ['logout', signOut],
  ['set-up-factor', requireProof(setUpFactor, accountPaths.secondFactor)],
  ['new-recovery-codes', requireProof(newRecoveryCodes, accountPaths.security)],
  ['remove-factor', requireProof(removeFactor, accountPaths.removeFactor)],
  ['change-password', requireSecondProof(changePassword, accountPaths.password)],
  ['add-passkey', requireProof(registerPasskey, accountPaths.security)],
  ['remove-passkey', requireProof(removePasskey, accountPaths.security)],
  ['connect-device', requireFreshSignIn(connectDevice)],
  ['new-device-code', requireProof(newDeviceCode, accountPaths.deviceCode)],
  ['check-device-code', checkDeviceCode],
  ['confirm-device', requireProof(confirmDevice, accountPaths.deviceCode)],
  ['disconnect-device', disconnectDevice],
  ['confirm-email', requestConfirmation],
  ['remove-provider', requireProof(removeProvider, accountPaths.yours)],
  ['change-name', changeName],
  ['agent-emails', changeAgentEmails],
  ['change-email', requireProof(changeEmail, accountPaths.changeEmail)],
  ['close-account', requireProof(closeAccount, accountPaths.close)],
])
