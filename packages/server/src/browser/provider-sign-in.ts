import type { ReceivedMessage } from 'countersign'
import type { ServerContext } from '../context.js'
import { readParameters } from '../read-form.js'
import { StorageError } from '../storage/storage.js'
import type { Cookies } from './cookies.js'
import { seeOther } from './html-response.js'
import type { IdentityProviderClient, ProviderState } from './identity-provider.js'
import { PageError } from './page-error.js'
import { type View, viewOf } from './page-frame.js'
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
  const view = await viewOf(context, cookies, request)
  const { visitor } = view
  const returnTo = localPath(readParameters(searchParams).get('return_to'))
  try {
    const { url, state } = await client.start(returnTo)
    const value = context.secrets.csrfFor(visitor.browser, sealState(state))
    return seeOther(url, [...visitor.newCookies, cookies.setProviderState(value, signInTime)])
  } catch (error) {
    return signInFailed(context, view, { provider, returnTo }, error)
  }
}

const sealed = 'provider~'

function sealState(state: ProviderState): string {
  return sealed + Buffer.from(JSON.stringify(state)).toString('base64url')
}

function openState(value: string | undefined): ProviderState | undefined {
  if (!value?.startsWith(sealed)) return undefined
  return JSON.parse(Buffer.from(value.slice(sealed.length), 'base64url').toString()) as ProviderState
}

/** `GET /account/with/{provider}/callback`: the provider says who signed in; the same browser must have started it. */
export async function finishProviderSignIn(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage,
  provider: string,
): Promise<Response> {
  const client = requireProvider(context, provider)
  const view = await viewOf(context, cookies, request)
  const state = openState(context.secrets.readCsrf(cookies.readProviderState(request) ?? '', view.visitor.browser))
  if (state?.provider !== provider) throw new PageError('bad_form', { retry: '/account/sign-in' })
  const userAgent = request.headers.get('user-agent')?.slice(0, 256)
  try {
    const identity = await client.finish(new URL(request.url), state)
    const { user } = await context.storage.createFederatedUser(identity)
    if (user.status !== 'active') throw new TypeError('the account is not active')
    const arrival = { visitor: view.visitor, ip: received.remoteAddress, userAgent }
    const session = await startSession(context, cookies, arrival, user.id, ['oidc'])
    return seeOther(state.returnTo, [...session, cookies.setProviderState('', 0)])
  } catch (error) {
    return signInFailed(context, view, state, error)
  }
}

/** The provider refused, did not answer, or answered something else than what was asked: the reason is for the operator. */
async function signInFailed(
  context: ServerContext,
  view: View,
  { provider, returnTo }: Pick<ProviderState, 'provider' | 'returnTo'>,
  error: unknown,
): Promise<Response> {
  if (error instanceof StorageError) throw error
  await context.storage.recordEvent({ event: 'signin.provider_failed', data: { provider, reason: reasonOf(error) } })
  return signInPageAt(context, view, { kind: 'account', returnTo }, { problem: 'provider_failed' })
}

function requireProvider({ providers }: ServerContext, id: string): IdentityProviderClient {
  const client = providers.get(id)
  if (!client) throw new PageError('not_found')
  return client
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}
