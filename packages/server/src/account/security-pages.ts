import type { ServerContext } from '../http/context.js'
import { htmlResponse } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { SignedInVisit } from '../http/visit.js'
import { passwordMinimum } from '../lib/credential-rules.js'
import { cleanText } from '../lib/plain-text.js'
import { renderPassword } from '../pages/account/password-page.js'
import { renderRemovePasskey } from '../pages/account/removal-pages.js'
import { renderSecurity } from '../pages/account/security-page.js'
import type { PasswordPage, SecurityPage } from '../pages/models/account-models.js'
import { accountPaths } from '../pages/models/account-paths.js'
import { mustHaveFactor } from '../sign-in/second-factor.js'
import type { Passkey } from '../storage/api/passkey-storage.js'
import { type AccountHandler, accountFrame, accountResponse, readNotice } from './account-handler.js'
import { deviceOf } from './activity-of.js'
import { confirmationPath, isProved } from './confirm-person.js'

/** The notices of completed actions that the security page can show. */
const done = [
  'password_changed',
  'passkey_added',
  'passkey_removed',
  'factor_removed',
  'session_ended',
  'others_ended',
] as const

/**
 * `/account/security`: sessions, passkeys, the second factor, and the link to change the password. Shows the notice of a completed action,
 * or that a passkey failed.
 */
export const securityPage = async (
  context: ServerContext,
  visit: SignedInVisit,
  problem?: 'passkey_failed',
): Promise<Response> => {
  const notice = problem ?? securityNotice(readNotice(context, visit)?.what)
  const { user } = visit.session
  const currentIdHash = visit.sessionHash
  const sessions = await context.storage.listSessions({ userId: user.id, currentIdHash })
  const passkeys = context.passkeys ? await context.storage.listPasskeys(user.id) : undefined
  const credential = await context.storage.findCredential(user.username)
  const factor = credential && (await context.storage.findSecondFactor(user.id))
  const model: SecurityPage = {
    ...accountFrame(context, visit),
    password: credential !== undefined,
    secondFactor: credential && (factor ? { since: factor.addedAt, codesLeft: factor.recoveryCodes } : null),
    mustHaveFactor: await mustHaveFactor(context, user.id),
    passkeys: passkeys?.map((passkey) => ({
      id: passkey.credentialId,
      name: passkeyName(passkey),
      added: passkey.createdAt,
      lastUsed: passkey.lastUsedAt ?? undefined,
    })),
    sessions: sessions.map(({ id, createdAt, lastSeenAt, userAgent, current }) => ({
      id,
      device: deviceOf(userAgent),
      since: createdAt,
      lastSeen: lastSeenAt,
      current,
    })),
    proveHref: (await isProved(context, visit.session)) ? undefined : confirmationPath(accountPaths.security),
    notice,
  }
  return htmlResponse(renderSecurity(model, visit.messages), {
    status: problem ? 400 : 200,
    connects: context.passkeys !== undefined,
    cookies: visit.newCookies,
  })
}

function securityNotice(what: string | undefined): SecurityPage['notice'] {
  return done.find((notice) => notice === what)
}

/** The name the user gave the passkey, or the beginning of its id. */
function passkeyName({ name, credentialId }: Passkey): string {
  return cleanText(name ?? '', 60) || credentialId.slice(0, 8)
}

export const removePasskeyPage: AccountHandler = async (context, visit) => {
  const passkeys = await context.storage.listPasskeys(visit.session.user.id)
  const { id } = visit
  const passkey = passkeys.find(({ credentialId }) => credentialId === id)
  if (!passkey) throw new PageError('not_found', { retry: accountPaths.agents })
  const shown = { id, name: passkeyName(passkey) }
  return accountResponse(
    renderRemovePasskey({ ...accountFrame(context, visit), passkey: shown }, visit.messages),
    visit,
  )
}

/** Renders the page that changes the password, initially or after a failed attempt. */
export const passwordPage = async (
  context: ServerContext,
  visit: SignedInVisit,
  { problem, retryAfter }: Pick<PasswordPage, 'problem'> & { retryAfter?: number } = {},
): Promise<Response> => {
  const model = { ...accountFrame(context, visit), passwordMinimum, problem }
  const status = problem === undefined ? 200 : problem === 'throttled' ? 429 : 400
  return accountResponse(renderPassword(model, visit.messages), visit, { status, retryAfter })
}
