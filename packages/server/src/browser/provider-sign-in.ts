import type { ServerContext } from '../context.js'
import { readParameters } from '../read-form.js'
import type { Cookies } from './cookies.js'
import { seeOther } from './html-response.js'
import type { IdentityProviderClient, ProviderState } from './identity-provider.js'
import { PageError } from './page-error.js'
import { viewOf } from './page-frame.js'
import { localPath } from './place.js'
import { signInPageAt } from './sign-in-page-at.js'
import { startSession } from './start-session.js'

/** Seconds that a sign-in at a provider may take. */
const signInTime = 900

/** `GET /account/with/{provider}`: sends the browser to the identity provider. */
export async function startProviderSignIn(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  provider: string,
): Promise<Response> {
  const client = requireProvider(context, provider)
  const { searchParams } = new URL(request.url)
  const { visitor } = await viewOf(context, cookies, request)
  const { url, state } = await client.start(localPath(readParameters(searchParams).get('return_to')))
  const sealed = Buffer.from(JSON.stringify(state)).toString('base64url')
  const value = context.secrets.csrfFor(visitor.browser, sealed)
  return seeOther(url, [...visitor.newCookies, cookies.setProviderState(value, signInTime)])
}

/** `GET /account/with/{provider}/callback`: the provider says who signed in; the same browser must have started it. */
export async function finishProviderSignIn(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  provider: string,
): Promise<Response> {
  const client = requireProvider(context, provider)
  const view = await viewOf(context, cookies, request)
  const sealed = context.secrets.readCsrf(cookies.readProviderState(request) ?? '', view.visitor.browser)
  const state =
    sealed === undefined ? undefined : (JSON.parse(Buffer.from(sealed, 'base64url').toString()) as ProviderState)
  if (state?.provider !== provider) throw new PageError('bad_form', { retry: '/account/sign-in' })
  const userAgent = request.headers.get('user-agent')?.slice(0, 256)
  try {
    const identity = await client.finish(new URL(request.url), state)
    const { user } = await context.storage.createFederatedUser(identity)
    if (user.status !== 'active') throw new TypeError('the account is not active')
    const session = await startSession(context, cookies, { visitor: view.visitor, ip: undefined, userAgent }, user.id, [
      'oidc',
    ])
    return seeOther(state.returnTo, [...session, cookies.setProviderState('', 0)])
  } catch (error) {
    await context.storage.recordEvent({ event: 'signin.provider_failed', data: { provider, reason: reasonOf(error) } })
    return signInPageAt(context, view, { kind: 'account', returnTo: state.returnTo }, { problem: 'provider_failed' })
  }
}

function requireProvider({ providers }: ServerContext, id: string): IdentityProviderClient {
  const client = providers.get(id)
  if (!client) throw new PageError('not_found')
  return client
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
