import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { type IdentityProviderClient, ProviderFailure, providerProblemOf } from '../outbound/identity-provider.js'
import { dropProviderState, findProviderState, isOver, keepProviderState, shortened } from './provider-states.js'
import { renewSession, signInChanged, startSession } from './session.js'
import type { SignInProblem } from './sign-in-page-at.js'
import type { Way } from './way.js'

/** A sign-in at a provider that came to nothing: the sign-in page is shown again, on the way to `returnTo`. */
export interface FailedSignIn {
  returnTo: string
  problem: NonNullable<SignInProblem['problem']>
  cookies: readonly string[]
}

/** `GET /account/with/{provider}`: sends the browser to the identity provider; who is signed in signs in there again. */
export async function startProviderSignIn(
  context: ServerContext,
  visit: Visit,
  way: Pick<Way, 'path' | 'tokenHash'>,
): Promise<Response | FailedSignIn> {
  const client = requireProvider(context, visit)
  const returnTo = shortened(way.path)
  const again = visit.session !== undefined
  try {
    const maxAge = context.lifetimes.session
    const { url, state } = await client.start({
      returnTo,
      provedFor: way.tokenHash,
      startedAt: context.now(),
      again,
      maxAge,
    })
    return seeOther(url, [...visit.newCookies, ...keepProviderState(context, visit, state)])
  } catch (error) {
    return { returnTo, problem: await tellFailure(context, visit, error), cookies: [] }
  }
}

/** `GET /account/with/{provider}/callback`: the provider says who signed in; the same browser must have started it. */
export async function finishProviderSignIn(context: ServerContext, visit: Visit): Promise<Response | FailedSignIn> {
  const client = requireProvider(context, visit)
  const state = findProviderState(context, visit)
  if (state?.provider !== visit.id) throw new PageError('bad_form', { retry: '/account/sign-in' })
  const { returnTo, provedFor } = state
  const cookies = [dropProviderState(context, state)]
  if (isOver(context, state)) return { returnTo, problem: 'provider_expired', cookies }
  let proved: Awaited<ReturnType<IdentityProviderClient['finish']>>
  try {
    proved = await client.finish(visit.url, state)
  } catch (error) {
    return { returnTo, problem: await tellFailure(context, visit, error), cookies }
  }
  const { user, linkedAt: factorAddedAt } = await context.storage.createFederatedUser(proved.identity)
  if (user.status !== 'active') {
    await context.storage.recordEvent({ event: 'signin.failed', userId: user.id, ip: visit.ip })
    return { returnTo, problem: 'account_disabled', cookies }
  }
  const session =
    state.again && visit.session?.user.id === user.id
      ? await renewSession(context, visit, { user, factorAddedAt, amr: ['oidc'], provedFor })
      : // What the provider does not say is not taken for a sign-in just now.
        await startSession(
          context,
          { ...visit, path: returnTo },
          { user, factorAddedAt, amr: ['oidc'], provedFor, authTime: proved.authTime ?? 0 },
        )
  if (session.length === 0) throw signInChanged({ path: returnTo })
  return seeOther(returnTo, [...session, ...cookies])
}

/** Puts on record what the person or the provider did; anything else is a bug, and goes on. */
async function tellFailure(
  context: ServerContext,
  { id: provider, ip, requestId }: Visit,
  error: unknown,
): Promise<FailedSignIn['problem']> {
  const found = providerProblemOf(error)
  if (!found) throw error
  const { problem, reason } = found
  const event = problem === 'provider_denied' ? 'signin.provider_denied' : 'signin.provider_failed'
  const recorded = await context.recorder.recordEvent({ event, ip, data: { provider, reason } })
  if (recorded && problem !== 'provider_denied')
    context.onError(new ProviderFailure(provider, reason, error), requestId)
  return problem
}

function requireProvider({ providers }: ServerContext, { id }: Visit): IdentityProviderClient {
  const client = providers.get(id)
  if (!client) throw new PageError('not_found')
  return client
}
