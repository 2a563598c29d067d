import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { shareOf } from '../http/serve-request.js'
import type { Visit } from '../http/visit.js'
import { isEmail, passwordProblem, usernameMaximum, usernameProblem } from '../lib/credential-rules.js'
import { hashSecret } from '../secrets/server-keys.js'
import { StorageError } from '../storage/api/storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'
import { checkPassword } from './check-password.js'
import { verifyPasskey } from './passkeys.js'
import { type Destination, secondStepPageAt, signInPageAt, signUpPageAt } from './render-sign-in.js'
import { requestEmail } from './request-email.js'
import { checkCode, openPending, sealPending, stepAfterPassword } from './second-factor.js'
import { type Proof, startSession } from './session.js'

/** Handles a form on a page between a user and their destination. */
export type SignInAction = (context: ServerContext, visit: Visit, destination: Destination) => Promise<Response>

/** `action=login` */
export const signIn: SignInAction = async (context, visit, destination) => {
  const { form } = visit
  const username = boundedUsername(form)
  const check = await checkPassword(context, visit, { username, password: form.get('password') ?? '' })
  if (check.outcome === 'throttled') {
    return signInPageAt(context, visit, { destination, username, problem: 'throttled', retryAfter: check.retryAfter })
  }
  if (check.outcome === 'wrong')
    return signInPageAt(context, visit, { destination, username, problem: 'wrong_password' })
  const { user, addedAt: factorAddedAt } = check
  const step = await stepAfterPassword(context, user.id)
  if (step === undefined) return continueAs(context, visit, destination, { user, factorAddedAt, amr: ['pwd'] })
  const pending = step === 'code' ? sealPending(context, visit, { user, factorAddedAt }) : undefined
  return secondStepPageAt(context, visit, { destination, pending })
}

/** `action=second-step` */
export const signInWithCode: SignInAction = async (context, visit, destination) => {
  const pending = openPending(context, visit)
  if (!pending) return signInPageAt(context, visit, { destination, problem: 'step_expired' })
  const check = await checkCode(context, visit, pending.user)
  if (check.outcome === 'right') return continueAs(context, visit, destination, { ...pending, amr: ['pwd', 'otp'] })
  const page = { destination, pending: visit.form.get('pending') }
  return check.outcome === 'wrong'
    ? secondStepPageAt(context, visit, { ...page, problem: 'wrong_code' })
    : secondStepPageAt(context, visit, { ...page, problem: 'throttled', retryAfter: check.retryAfter })
}

/** `action=passkey` */
export const signInWithPasskey: SignInAction = async (context, visit, destination) => {
  const passkey = await verifyPasskey(context, visit)
  if (!passkey) return signInPageAt(context, visit, { destination, problem: 'passkey_failed' })
  return continueAs(context, visit, destination, {
    user: passkey.user,
    factorAddedAt: passkey.addedAt,
    amr: ['webauthn'],
  })
}

/** `action=sign-up` */
export const signUp: SignInAction = async (context, visit, destination) => {
  const { form, ip, request } = visit
  const username = (form.get('username') ?? '').trim()
  const email = form.get('email')?.trim()
  const password = form.get('password') ?? ''
  const page = { destination, username, email }
  const invalid = usernameProblem(username) ?? emailProblem(email) ?? passwordProblem(password, username)
  if (invalid) return signUpPageAt(context, visit, { ...page, problem: invalid })
  const retryAfter = await countSignUp(context, ip)
  if (retryAfter !== undefined) return signUpPageAt(context, visit, { ...page, problem: 'throttled', retryAfter })
  const passwordHash = await context.passwords.hash(password, shareOf(context, request, ip))
  const user = await context.storage.createUser({ username, email, passwordHash }).catch(usernameConflict)
  if (typeof user === 'string') return signUpPageAt(context, visit, { ...page, problem: user })
  if (context.sendEmail && email !== undefined) await requestEmail(context, visit, { kind: 'confirm', username })
  return continueAs(context, visit, destination, { user, factorAddedAt: user.createdAt, amr: ['pwd'] })
}

/** Signs the user in and continues to their destination. */
async function continueAs(
  context: ServerContext,
  visit: Visit,
  destination: Destination,
  proof: Proof,
): Promise<Response> {
  return seeOther(destination.path, await startSession(context, visit, { ...proof, provedFor: destination.tokenHash }))
}

/**
 * Reads the username from a form. A username longer than any account's becomes empty, so that comparing it costs no more than comparing any
 * other, and the same statements run (attacks C17, V10).
 */
function boundedUsername(form: Visit['form']): string {
  const username = (form.get('username') ?? '').trim()
  return username.length > usernameMaximum ? '' : username
}

/** An account may have no email address. */
function emailProblem(email: string | undefined): 'email_invalid' | undefined {
  return email === undefined || isEmail(email) ? undefined : 'email_invalid'
}

const usernameConflicts = ['username_taken', 'username_looks_alike'] as const

/** Returns how the username conflicts with another account's. Any other error is rethrown. */
function usernameConflict(error: unknown): (typeof usernameConflicts)[number] {
  const conflict = error instanceof StorageError ? usernameConflicts.find((code) => code === error.code) : undefined
  if (!conflict) throw error
  return conflict
}

/**
 * Maximum number of new accounts per hour from one address, and from the network that contains it, because one attacker may have many
 * addresses.
 */
const maxSignUps = { subscriber: 20, site: 100 } as const

/** Counts a sign-up. Returns the number of seconds to wait if there were too many, otherwise undefined. */
async function countSignUp({ storage, now }: ServerContext, ip: string | undefined): Promise<number | undefined> {
  for (const size of ['subscriber', 'site'] as const) {
    const from = ip === undefined ? '' : networkOf(ip, size)
    const { count, resetAt } = await storage.countAttempt({ key: hashSecret(`sign-up ${from}`), window: 3600 })
    if (count > maxSignUps[size]) return secondsUntil(resetAt, now())
    if (ip === undefined) break
  }
  return undefined
}
