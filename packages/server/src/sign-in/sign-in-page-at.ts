import { requestPath } from '../consent/outcome.js'
import type { ServerContext } from '../context.js'
import { htmlResponse } from '../http/html-response.js'
import { askerOf, fieldsOf, type Place, pathOf } from '../http/local-path.js'
import { pageFrame, type View } from '../http/page-frame.js'
import { accountPaths, signInPath } from '../pages/account-paths.js'
import type { SignInPage, SignUpPage } from '../pages/models.js'
import { renderSignIn } from '../pages/sign-in-page.js'
import { renderSignUp } from '../pages/sign-up-page.js'
import { passwordMinimum } from '../policy/account-policy.js'

export type SignInProblem = Pick<SignInPage, 'username' | 'problem'> & {
  /** Seconds until the next attempt counts. */
  retryAfter?: number
}
type Shown = SignInProblem & Pick<SignInPage, 'again'> & { cookies?: readonly string[] }

const problemStatus: Readonly<Record<NonNullable<SignInPage['problem']>, number>> = {
  wrong_password: 401,
  throttled: 429,
  provider_failed: 401,
  provider_denied: 401,
  provider_expired: 401,
  provider_not_fresh: 401,
  account_disabled: 403,
  passkey_failed: 401,
}

/** The sign-in page, first or again, with every way in that this server has. */
export function signInPageAt(context: ServerContext, view: View, place: Place, shown: Shown = {}): Response {
  const { cookies = [], retryAfter, ...said } = shown
  const visitor = { ...view.visitor, session: undefined }
  const next = encodeURIComponent(pathOf(place))
  const html = renderSignIn(
    {
      ...pageFrame(context, view),
      form: fieldsOf(context, visitor, place, place.kind === 'request' ? requestPath : accountPaths.signIn),
      ...askerOf(place),
      ...said,
      ...(context.providers.size === 0
        ? {}
        : {
            providers: [...context.providers].map(([id, { name }]) => ({
              name,
              href: `/account/with/${id}?return_to=${next}`,
            })),
          }),
      ...(context.passkeys ? { passkey: { options: '/account/passkeys/challenge' } } : {}),
      ...(context.signUp ? { signUpHref: `${accountPaths.signUp}?return_to=${next}` } : {}),
    },
    view.messages,
  )
  return htmlResponse(html, {
    status: shown.problem === undefined ? 200 : problemStatus[shown.problem],
    formRedirectsAway: true,
    connects: context.passkeys !== undefined,
    cookies: [...view.visitor.newCookies, ...cookies],
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

/** The sign-up page, first or again. */
export function signUpPageAt(
  context: ServerContext,
  view: View,
  place: Place,
  shown: Pick<SignUpPage, 'username' | 'email' | 'problem'> = {},
): Response {
  const visitor = { ...view.visitor, session: undefined }
  const model: SignUpPage = {
    ...pageFrame(context, view),
    form: fieldsOf(context, visitor, place, accountPaths.signUp),
    ...askerOf(place),
    ...shown,
    passwordMinimum,
    signInHref: place.kind === 'request' ? pathOf(place) : signInPath(pathOf(place)),
  }
  const status = shown.problem === undefined ? 200 : shown.problem === 'throttled' ? 429 : 400
  return htmlResponse(renderSignUp(model, view.messages), {
    status,
    formRedirectsAway: true,
    cookies: view.visitor.newCookies,
  })
}
