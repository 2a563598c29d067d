import { readParameters } from 'countersign/editions'
import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { cookieOf, longestCookieLife } from '../http/cookies.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { localPath, type Visit } from '../http/visit.js'
import { signInPath } from '../pages/models/account-paths.js'
import { authenticationOptions, optionsResponse } from '../sign-in/passkeys.js'
import { type FailedSignIn, finishProviderSignIn, startProviderSignIn } from '../sign-in/provider-sign-in.js'
import { signInPageAt, signUpPageAt } from '../sign-in/render-sign-in.js'
import { signIn, signInWithCode, signInWithPasskey, signUp } from '../sign-in/sign-in-actions.js'
import { challengePurpose } from './decide.js'
import { findLink, linkAt } from './link.js'
import { destinationAt, thenContinue } from './submit.js'

/** `GET /account/sign-in`: the sign-in page, which continues to a page on this server: an account page or an agent's request. */
export async function showSignIn(context: ServerContext, visit: Visit): Promise<Response> {
  const returnTo = returnToOf(visit)
  if (visit.session) return seeOther(returnTo)
  const destination = await destinationAt(context, visit, returnTo)
  return destination instanceof Response ? destination : signInPageAt(context, visit, { destination })
}

/** `GET /account/sign-up`: the sign-up page, which continues to a page on this server. */
export async function showSignUp(context: ServerContext, visit: Visit): Promise<Response> {
  const returnTo = returnToOf(visit)
  requireSignUp(context)
  const destination = await destinationAt(context, visit, returnTo)
  return destination instanceof Response ? destination : signUpPageAt(context, visit, { destination })
}

type Action = (context: ServerContext, visit: Visit, link: ConsentLink | undefined) => Promise<Response>

const actions: ReadonlyMap<string | undefined, Action> = new Map<string, Action>([
  ['login', thenContinue(signIn)],
  ['second-step', thenContinue(signInWithCode)],
  ['passkey', thenContinue(signInWithPasskey)],
  [
    'sign-up',
    async (context, visit, link) => {
      requireSignUp(context)
      return thenContinue(signUp)(context, visit, link)
    },
  ],
  ['language', chooseLanguage],
])

/** `POST /account/sign-in`, `/account/sign-up` and `/account/language`: handle the forms on these pages. */
export async function submitEntranceForm(context: ServerContext, visit: Visit): Promise<Response> {
  const { form } = visit
  const action = actions.get(form.get('action'))
  if (!action) throw new PageError('bad_form')
  const link = await findLink(context, form)
  const path = link?.path ?? localPath(form.get('return_to'))
  return action(context, { ...visit, path }, link)
}

/** `GET /account/with/{provider}`: redirects to the identity provider. */
export async function enterWithProvider(context: ServerContext, visit: Visit): Promise<Response> {
  const path = returnToOf(visit)
  const tokenHash = (await linkAt(context, path))?.tokenHash
  return orSignIn(context, visit, await startProviderSignIn(context, visit, { path, tokenHash }))
}

/** `GET /account/with/{provider}/callback`: handles the redirect back from the provider. */
export async function returnFromProvider(context: ServerContext, visit: Visit): Promise<Response> {
  return orSignIn(context, visit, await finishProviderSignIn(context, visit))
}

/** Shows the sign-in page after a failed sign-in at a provider. It continues to the page that the user originally requested. */
async function orSignIn(context: ServerContext, visit: Visit, outcome: Response | FailedSignIn): Promise<Response> {
  if (outcome instanceof Response) return outcome
  const { returnTo, ...shown } = outcome
  const destination = await destinationAt(context, visit, returnTo)
  return destination instanceof Response
    ? destination
    : signInPageAt(context, { ...visit, path: signInPath(returnTo) }, { destination, ...shown })
}

/** `action=language` */
async function chooseLanguage(context: ServerContext, { form }: Visit): Promise<Response> {
  const language = form.get('language') ?? ''
  if (!/^[a-z]{2,3}$/.test(language)) throw new PageError('bad_form')
  return seeOther(localPath(form.get('return_to')), [cookieOf(context, 'language', language, longestCookieLife)])
}

function returnToOf({ url }: Visit): string {
  return localPath(readParameters(url.searchParams).get('return_to'))
}

function requireSignUp({ signUp: isOffered }: ServerContext): void {
  if (!isOffered) throw new PageError('not_found')
}

/** `POST /account/passkeys/challenge`: returns the options for a sign-in with a passkey, or for an Allow that needs one, as JSON. */
export async function passkeyChallenge(context: ServerContext, visit: Visit): Promise<Response> {
  return optionsResponse(await authenticationOptions(context, visit, await challengePurpose(context, visit)))
}
