import type { ServerContext } from '../http/context.js'
import { htmlResponse, pageFrame } from '../http/html-response.js'
import { csrfOf, type Visit } from '../http/visit.js'
import { passwordMinimum } from '../lib/credential-rules.js'
import { accountPaths, signInPath } from '../pages/models/account-paths.js'
import type { FormFields, SignInPage, SignUpPage } from '../pages/models/models.js'
import type { SecondStepPage } from '../pages/models/second-factor-models.js'
import { renderSecondStep } from '../pages/second-step-page.js'
import { renderSignIn } from '../pages/sign-in-page.js'
import { renderSignUp } from '../pages/sign-up-page.js'

export type SignInProblem = Pick<SignInPage, 'username' | 'problem'> & {
  /** Seconds until another attempt is accepted. */
  retryAfter?: number
}
type Shown = SignInProblem & Pick<SignInPage, 'again'> & { destination: Destination; cookies?: readonly string[] }

const problemStatus: Readonly<Record<NonNullable<SignInPage['problem']>, number>> = {
  wrong_password: 401,
  throttled: 429,
  provider_failed: 401,
  provider_denied: 401,
  provider_expired: 401,
  provider_not_fresh: 401,
  account_disabled: 403,
  passkey_failed: 401,
  step_expired: 401,
}

/** Renders the sign-in page, either initially or after a failed attempt, with every way to sign in that this server offers. */
export function signInPageAt(context: ServerContext, visit: Visit, shown: Shown): Response {
  const { destination, cookies = [], retryAfter, ...said } = shown
  const next = encodeURIComponent(destination.path)
  const providers = [...context.providers].map(([id, { name }]) => ({
    name,
    href: `/account/with/${id}?return_to=${next}`,
  }))
  const html = renderSignIn(
    {
      ...pageFrame(context, visit),
      form: entranceForm(context, visit, signInPathOf(destination), destination),
      ...destination.asker,
      ...said,
      providers: providers.length === 0 ? undefined : providers,
      passkey: context.passkeys ? { options: '/account/passkeys/challenge' } : undefined,
      signUpHref: context.signUp ? `${accountPaths.signUp}?return_to=${next}` : undefined,
    },
    visit.messages,
  )
  return htmlResponse(html, {
    status: shown.problem === undefined ? 200 : problemStatus[shown.problem],
    formRedirectsAway: true,
    connects: context.passkeys !== undefined,
    cookies: [...visit.newCookies, ...cookies],
    retryAfter,
  })
}

/** Renders the second step of a sign-in, either initially or after a failed attempt. Without `pending`, only a passkey continues. */
export function secondStepPageAt(
  context: ServerContext,
  visit: Visit,
  {
    destination,
    retryAfter,
    ...shown
  }: Pick<SecondStepPage, 'pending' | 'problem'> & { destination: Destination; retryAfter?: number },
): Response {
  const { messages, newCookies: cookies } = visit
  const model: SecondStepPage = {
    ...pageFrame(context, { ...visit, path: signInPathOf(destination) }),
    form: entranceForm(context, visit, signInPathOf(destination), destination),
    passkey: context.passkeys ? { options: '/account/passkeys/challenge' } : undefined,
    ...shown,
  }
  const status = shown.problem === undefined ? 200 : shown.problem === 'throttled' ? 429 : 401
  const connects = context.passkeys !== undefined
  return htmlResponse(renderSecondStep(model, messages), {
    status,
    formRedirectsAway: true,
    connects,
    cookies,
    retryAfter,
  })
}

/** Renders the sign-up page, either initially or after a failed attempt. */
export function signUpPageAt(
  context: ServerContext,
  visit: Visit,
  {
    destination,
    retryAfter,
    ...shown
  }: Pick<SignUpPage, 'username' | 'email' | 'problem'> & { destination: Destination; retryAfter?: number },
): Response {
  const { messages, newCookies: cookies } = visit
  const model: SignUpPage = {
    ...pageFrame(context, visit),
    form: entranceForm(context, visit, accountPaths.signUp, destination),
    ...destination.asker,
    ...shown,
    passwordMinimum,
    signInHref: signInPathOf(destination),
  }
  const status = shown.problem === undefined ? 200 : shown.problem === 'throttled' ? 429 : 400
  return htmlResponse(renderSignUp(model, messages), { status, formRedirectsAway: true, cookies, retryAfter })
}

/** Who asks for access to what. */
export interface Asker {
  agentHost: string
  resourceHost: string
}

/** Who asks for access to what, as far as a link says so, which anyone can write. */
export type ClaimedAsker = { [member in keyof Asker]: string | undefined } & { unverified: true }

/**
 * Where a user continues after signing in, and the fields that the forms in between contain. Both are set by the page that asks the user to
 * sign in.
 */
export interface Destination {
  /** The path to continue to. */
  path: string
  /** The requesting agent, if there is one. */
  asker?: Asker | ClaimedAsker | undefined
  /** The token hash of the request that the path leads to. */
  tokenHash?: string | undefined
  fields: Omit<FormFields, 'action' | 'csrf'>
}

/** Returns the destination for an account page. */
export function accountDestination(path: string): Destination {
  return { path, fields: { returnTo: path } }
}

/** Returns the path of the sign-in page for a destination. For a stored request, the page is shown at the request's own URL. */
function signInPathOf({ path, tokenHash }: Destination): string {
  return tokenHash === undefined ? signInPath(path) : path
}

/** Returns the fields of a form for a user who is not signed in. */
function entranceForm(context: ServerContext, { browser }: Visit, action: string, { fields }: Destination): FormFields {
  return fieldsOf(context, { browser, session: undefined }, { action, fields })
}

/** Returns the fields of a form that posts to the page at `action`. */
export function fieldsOf(
  context: ServerContext,
  visit: Pick<Visit, 'browser' | 'session'>,
  { action, fields }: { action: string; fields: Destination['fields'] },
): FormFields {
  const { state, ...rest } = fields
  const csrf = csrfOf(context, visit)
  return { action: pathnameOf(action), csrf, ...rest, state: visit.session ? undefined : state }
}

function pathnameOf(path: string): string {
  return path.split('?', 1)[0] ?? path
}
