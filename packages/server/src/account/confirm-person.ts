import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame, seeOther } from '../http/html-response.js'
import { csrfOf, localPath, type SignedInVisit } from '../http/visit.js'
import { accountPaths } from '../pages/models/account-paths.js'
import type { ReauthenticationPage } from '../pages/models/models.js'
import { renderReauthentication } from '../pages/reauthentication-page.js'
import { checkPassword } from '../sign-in/check-password.js'
import { provingWays } from '../sign-in/offered-factors.js'
import { verifyPasskey } from '../sign-in/passkeys.js'
import { accountDestination, signInPageAt } from '../sign-in/render-sign-in.js'
import { checkCode } from '../sign-in/second-factor.js'
import { isFresh, type Proof, renewSession, signInChanged } from '../sign-in/session.js'
import type { Session } from '../storage/api/storage.js'
import type { AccountHandler } from './account-handler.js'

/** Wraps a page so that it requires authentication within the last ten minutes, with any factor. */
export function requireFreshSignIn(act: AccountHandler): AccountHandler {
  return async (context, visit) =>
    isFresh(context, visit.session) ? act(context, visit) : seeOther(confirmationPath(visit.path))
}

/**
 * Wraps an action that changes the user's credentials or closes the account. It requires the strongest proof the user has, so that a
 * password alone cannot remove or add a passkey (attacks C24). The confirmation page returns to this page, or to `returnTo`.
 */
export function requireProof(act: AccountHandler, returnTo?: string): AccountHandler {
  return async (context, visit) =>
    (await isProved(context, visit.session)) ? act(context, visit) : seeOther(confirmationPath(returnTo ?? visit.path))
}

/** Like `requireProof`, but for a form that includes the password field itself: a user with only a password needs no proof beforehand. */
export function requireSecondProof(act: AccountHandler, returnTo: string): AccountHandler {
  return async (context, visit) =>
    (await needsMoreThanPassword(context, visit.session)) ? seeOther(confirmationPath(returnTo)) : act(context, visit)
}

/**
 * Whether the user proved who they are in the last ten minutes: with a passkey if they have one that counts as proof, or else with their
 * second factor if they have one.
 */
export async function isProved(context: ServerContext, session: Session): Promise<boolean> {
  return isFresh(context, session) && !(await needsMoreThanPassword(context, session))
}

async function needsMoreThanPassword(context: ServerContext, session: Session): Promise<boolean> {
  const used = isFresh(context, session) ? session.amr : []
  if (used.includes('webauthn')) return false
  const ways = await provingWays(context, session.user.id)
  return ways.passkey || (ways.code && !used.includes('otp'))
}

/** The path of the page that asks for a proof, returning to an account path. */
export function confirmationPath(returnTo: string): string {
  return `${accountPaths.confirm}?return_to=${encodeURIComponent(returnTo)}`
}

type Shown = Pick<ReauthenticationPage, 'problem'> & { returnTo: string; retryAfter?: number }

/**
 * `GET /account/confirm`, initially or after a failed attempt: asks for a passkey if the user has one, otherwise for the password
 * and, if they have a second factor, a code, otherwise for a new sign-in.
 */
export async function confirmPage(
  context: ServerContext,
  visit: SignedInVisit,
  { returnTo, problem, retryAfter }: Shown,
): Promise<Response> {
  const { user } = visit.session
  const ways = await provingWays(context, user.id)
  if (!ways.password && !ways.passkey)
    return signInPageAt(context, visit, { destination: accountDestination(returnTo), again: 'security' })
  const html = renderReauthentication(
    {
      ...pageFrame(context, visit),
      form: { action: accountPaths.confirm, csrf: csrfOf(context, visit), returnTo },
      user: user.username,
      problem,
      askCode: ways.code,
      passkey: ways.passkey ? { options: '/account/passkeys/challenge' } : undefined,
      cancelHref: accountPaths.agents,
    },
    visit.messages,
  )
  return htmlResponse(html, {
    status: problem === undefined ? 200 : problem === 'throttled' ? 429 : 401,
    connects: ways.passkey,
    cookies: visit.newCookies,
    retryAfter,
  })
}

/** `POST /account/confirm`: checks the proof that the page requested. A password does not replace a passkey. */
export async function confirmUser(context: ServerContext, visit: SignedInVisit): Promise<Response> {
  const { form, session } = visit
  const { id, username } = session.user
  const returnTo = localPath(form.get('return_to'))
  const ways = await provingWays(context, id)
  let proof: Proof
  if (form.get('action') === 'passkey') {
    const passkey = await verifyPasskey(context, visit)
    if (passkey?.user.id !== id || !ways.passkey)
      return confirmPage(context, visit, { returnTo, problem: 'passkey_failed' })
    proof = { user: passkey.user, factorAddedAt: passkey.addedAt, amr: ['webauthn'] }
  } else {
    // A password that could not prove anything is not checked: a correct one would reset the count of wrong passwords.
    if (!ways.password || ways.passkey) return confirmPage(context, visit, { returnTo, problem: 'wrong_password' })
    const check = await checkPassword(context, visit, { username, password: form.get('password') ?? '' })
    if (check.outcome === 'throttled') {
      return confirmPage(context, visit, { returnTo, problem: 'throttled', retryAfter: check.retryAfter })
    }
    if (check.outcome === 'wrong') return confirmPage(context, visit, { returnTo, problem: 'wrong_password' })
    const code = ways.code ? await checkCode(context, visit, check.user) : undefined
    if (code?.outcome === 'throttled')
      return confirmPage(context, visit, { returnTo, problem: 'throttled', retryAfter: code.retryAfter })
    if (code?.outcome === 'wrong') return confirmPage(context, visit, { returnTo, problem: 'wrong_code' })
    proof = { user: check.user, factorAddedAt: check.addedAt, amr: code ? ['pwd', 'otp'] : ['pwd'] }
  }
  const cookies = await renewSession(context, visit, proof)
  if (cookies.length === 0) throw signInChanged({ path: returnTo })
  return seeOther(returnTo, cookies)
}
