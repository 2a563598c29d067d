import type { ReceivedMessage } from 'countersign'
import { readParameters } from 'countersign/wire'
import { recordSparingly } from '../audit/record-sparingly.js'
import type { ServerContext } from '../context.js'
import type { Cookies } from '../http/cookies.js'
import { seeOther } from '../http/html-response.js'
import { localPath, placeAt } from '../http/local-path.js'
import { PageError } from '../http/page-error.js'
import { type View, viewOf } from '../http/page-frame.js'
import { signInPath } from '../pages/account-paths.js'
import type { IdentityProviderClient, ProviderState } from './provider/identity-provider.js'
import { ProviderFailure, providerProblemOf } from './provider/provider-problem.js'
import { dropProviderState, findProviderState, isOver, keepProviderState, shortened } from './provider-states.js'
import { renewSession, startSession } from './session.js'
import { type SignInProblem, signInPageAt } from './sign-in-page-at.js'

/** A request to one of a provider's two pages. */
export interface ProviderRequest {
  request: Request
  received: ReceivedMessage
  requestId: string
  /** The provider's id. */
  id: string
}

/** `GET /account/with/{provider}`: sends the browser to the identity provider; who is signed in signs in there again. */
export async function startProviderSignIn(
  context: ServerContext,
  cookies: Cookies,
  incoming: ProviderRequest,
): Promise<Response> {
  const { request, id: provider } = incoming
  const client = requireProvider(context, provider)
  const { searchParams } = new URL(request.url)
  const view = await viewOf(context, cookies, request)
  const { visitor } = view
  const returnTo = shortened(localPath(readParameters(searchParams).get('return_to')))
  const again = visitor.session !== undefined
  try {
    const maxAge = context.lifetimes.session
    const { url, state } = await client.start({ returnTo, startedAt: context.now(), again, maxAge })
    const kept = keepProviderState(context, cookies, request, visitor, state)
    return seeOther(url, [...visitor.newCookies, ...kept])
  } catch (error) {
    return signInFailed(context, view, incoming, returnTo, error)
  }
}

/** `GET /account/with/{provider}/callback`: the provider says who signed in; the same browser must have started it. */
export async function finishProviderSignIn(
  context: ServerContext,
  cookies: Cookies,
  incoming: ProviderRequest,
): Promise<Response> {
  const { request, received, id: provider } = incoming
  const client = requireProvider(context, provider)
  const view = await viewOf(context, cookies, request)
  const state = findProviderState(context, cookies, request, view.visitor)
  if (state?.provider !== provider) throw new PageError('bad_form', { retry: '/account/sign-in' })
  const done = dropProviderState(cookies, state)
  const refuse = (problem: NonNullable<SignInProblem['problem']>) =>
    signInAgain(context, view, state.returnTo, { problem, cookies: [done] })
  if (isOver(context, state)) return refuse('provider_expired')
  let proved: Awaited<ReturnType<IdentityProviderClient['finish']>>
  try {
    proved = await client.finish(new URL(request.url), state)
  } catch (error) {
    return signInFailed(context, view, incoming, state.returnTo, error, [done])
  }
  const { user } = await context.storage.createFederatedUser(proved.identity)
  if (user.status !== 'active') {
    await context.storage.recordEvent({ event: 'signin.failed', userId: user.id, ip: received.remoteAddress })
    return refuse('account_disabled')
  }
  const cookiesOf = () => {
    if (state.again && view.visitor.session?.user.id === user.id) return renewSession(context, cookies, view)
    const userAgent = request.headers.get('user-agent')?.slice(0, 256)
    const arrival = { visitor: view.visitor, ip: received.remoteAddress, userAgent }
    // What the provider does not say is not taken for a sign-in just now.
    return startSession(context, cookies, arrival, user.id, ['oidc'], proved.authTime ?? 0)
  }
  return seeOther(state.returnTo, [...(await cookiesOf()), done])
}

/** The sign-in page again, saying what the person or the provider did; anything else is a bug, and goes on. */
async function signInFailed(
  context: ServerContext,
  view: View,
  { id: provider, received, requestId }: ProviderRequest,
  returnTo: ProviderState['returnTo'],
  error: unknown,
  cookies: readonly string[] = [],
): Promise<Response> {
  const found = providerProblemOf(error)
  if (!found) throw error
  const { problem, reason } = found
  const event = problem === 'provider_denied' ? 'signin.provider_denied' : 'signin.provider_failed'
  const recorded = await recordSparingly(context, { event, ip: received.remoteAddress, data: { provider, reason } })
  if (recorded && problem !== 'provider_denied')
    context.onError(new ProviderFailure(provider, reason, error), requestId)
  return signInAgain(context, view, returnTo, { problem, cookies })
}

/** The sign-in page of where the person was on the way to. */
async function signInAgain(
  context: ServerContext,
  view: View,
  returnTo: string,
  shown: SignInProblem & { cookies: readonly string[] },
): Promise<Response> {
  const at = await placeAt(context, returnTo, view)
  if ('answered' in at) return at.answered
  return signInPageAt(context, { ...view, path: signInPath(returnTo) }, at.place, shown)
}

function requireProvider({ providers }: ServerContext, id: string): IdentityProviderClient {
  const client = providers.get(id)
  if (!client) throw new PageError('not_found')
  return client
}
