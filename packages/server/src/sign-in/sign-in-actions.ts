import { networkOf } from 'countersign/wire'
import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { seeOther } from '../http/html-response.js'
import { localPath, pathOf, placeOf } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import type { View } from '../http/page-frame.js'
import type { Submission } from '../http/submission.js'
import { hashSecret } from '../keys/minted-secrets.js'
import { isEmail, passwordProblem, usernameProblem } from '../policy/account-policy.js'
import { StorageError } from '../storage/storage.js'
import { checkPassword } from './check-password.js'
import { verifyPasskey } from './passkeys.js'
import { hashPassword } from './passwords.js'
import { endSessionOf, startSession } from './session.js'
import { signInPageAt, signUpPageAt } from './sign-in-page-at.js'

/** What a form does; the view is for a page that says why it did not. */
export type Action = (context: ServerContext, cookies: Cookies, submission: Submission, view: View) => Promise<Response>

/** `action=login` */
export const signIn: Action = async (context, cookies, submission, view) => {
  const { form } = submission
  const at = await placeOf(context, form, view)
  if ('answered' in at) return at.answered
  const { place } = at
  const username = (form.get('username') ?? '').trim()
  const check = await checkPassword(context, submission, username, form.get('password') ?? '')
  if (check.outcome === 'throttled') {
    return signInPageAt(context, view, place, { username, problem: 'throttled', retryAfter: check.retryAfter })
  }
  if (check.outcome === 'wrong') return signInPageAt(context, view, place, { username, problem: 'wrong_password' })
  return seeOther(pathOf(place), await startSession(context, cookies, submission, check.user.id, ['pwd']))
}

/** `action=passkey` */
export const signInWithPasskey: Action = async (context, cookies, submission, view) => {
  const at = await placeOf(context, submission.form, view)
  if ('answered' in at) return at.answered
  const { place } = at
  const user = await verifyPasskey(context, submission)
  if (!user) return signInPageAt(context, view, place, { problem: 'passkey_failed' })
  return seeOther(pathOf(place), await startSession(context, cookies, submission, user.id, ['webauthn']))
}

/** `action=sign-up` */
export const signUp: Action = async (context, cookies, submission, view) => {
  if (!context.signUp) throw new PageError('not_found')
  const { form, ip } = submission
  const at = await placeOf(context, form, view)
  if ('answered' in at) return at.answered
  const { place } = at
  const username = (form.get('username') ?? '').trim()
  const email = form.get('email')?.trim()
  const password = form.get('password') ?? ''
  const shown = { username, ...(email === undefined ? {} : { email }) }
  const unusable = usernameProblem(username)
  if (unusable) return signUpPageAt(context, view, place, { ...shown, problem: unusable })
  if (email !== undefined && !isEmail(email))
    return signUpPageAt(context, view, place, { ...shown, problem: 'email_invalid' })
  const weak = passwordProblem(password, username)
  if (weak) return signUpPageAt(context, view, place, { ...shown, problem: weak })
  if (!(await maySignUp(context, ip))) return signUpPageAt(context, view, place, { ...shown, problem: 'throttled' })
  try {
    const user = await context.storage.createUser({ username, email, passwordHash: await hashPassword(password) })
    return seeOther(pathOf(place), await startSession(context, cookies, submission, user.id, ['pwd']))
  } catch (error) {
    const problem = error instanceof StorageError ? nameProblems.find((code) => code === error.code) : undefined
    if (!problem) throw error
    return signUpPageAt(context, view, place, { ...shown, problem })
  }
}

/** What the storage says of a name that somebody else has. */
const nameProblems = ['username_taken', 'username_looks_alike'] as const

/** New accounts an hour from one address, and from the network around it: one stranger may have many addresses. */
const maxSignUps = { subscriber: 20, site: 100 } as const

async function maySignUp({ storage }: ServerContext, ip: string | undefined): Promise<boolean> {
  for (const size of ['subscriber', 'site'] as const) {
    const from = ip === undefined ? '' : networkOf(ip, size)
    const { count } = await storage.countAttempt({ key: hashSecret(`sign-up ${from}`), window: 3600 })
    if (count > maxSignUps[size]) return false
    if (ip === undefined) break
  }
  return true
}

/** `action=logout` */
export const signOutOfRequest: Action = async (context, cookies, { visitor }, view) =>
  seeOther(view.path, await endSessionOf(context, cookies, visitor))

/** `action=language` */
export const chooseLanguage: Action = async (_context, cookies, { form }) => {
  const language = form.get('language') ?? ''
  if (!/^[a-z]{2,3}$/.test(language)) throw new PageError('bad_form')
  return seeOther(localPath(form.get('return_to')), [cookies.setLanguage(language)])
}
