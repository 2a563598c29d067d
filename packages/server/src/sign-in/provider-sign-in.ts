import type { ServerContext } from '../http/context.js'
import { cookieOf } from '../http/cookies.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { localPath, type Visit } from '../http/visit.js'
import {
  type IdentityProviderClient,
  ProviderFailure,
  type ProviderState,
  providerProblemOf,
} from '../outbound/identity-provider.js'
import type { Destination, SignInProblem } from './render-sign-in.js'
import { renewSession, signInChanged, startSession } from './session.js'

/** A failed sign-in at a provider: the sign-in page is shown again, and then continues to `returnTo`. */
export interface FailedSignIn {
  returnTo: string
  problem: NonNullable<SignInProblem['problem']>
  cookies: readonly string[]
}

/**
 * `GET /account/with/{provider}`: redirects the browser to the identity provider. A user who is already signed in must sign in there again.
 */
export async function startProviderSignIn(
  context: ServerContext,
  visit: Visit,
  destination: Pick<Destination, 'path' | 'tokenHash'>,
): Promise<Response | FailedSignIn> {
  const client = requireProvider(context, visit)
  const returnTo = shortened(destination)
  const again = visit.session !== undefined
  try {
    const maxAge = context.lifetimes.session
    const { url, state } = await client.start({
      returnTo,
      provedFor: destination.tokenHash,
      startedAt: context.now(),
      again,
      maxAge,
    })
    return seeOther(url, [...visit.newCookies, ...keepProviderState(context, visit, state)])
  } catch (error) {
    return { returnTo, problem: await recordFailure(context, visit, error), cookies: [] }
  }
}

/** `GET /account/with/{provider}/callback`: handles the provider's response. The sign-in must have been started in the same browser. */
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
    return { returnTo, problem: await recordFailure(context, visit, error), cookies }
  }
  const { user, linkedAt: factorAddedAt } = await context.storage.createFederatedUser(proved.identity)
  if (user.status !== 'active') {
    await context.storage.recordEvent({ event: 'signin.failed', userId: user.id, ip: visit.ip })
    return { returnTo, problem: 'account_disabled', cookies }
  }
  const session =
    state.again && visit.session?.user.id === user.id
      ? await renewSession(context, visit, { user, factorAddedAt, amr: ['oidc'], provedFor })
      : // Without a time from the provider, the sign-in does not count as recent.
        await startSession(
          context,
          { ...visit, path: returnTo },
          { user, factorAddedAt, amr: ['oidc'], provedFor, authTime: proved.authTime ?? 0 },
        )
  if (session.length === 0) throw signInChanged({ path: returnTo })
  return seeOther(returnTo, [...session, ...cookies])
}

/** Records a failure caused by the user or the provider; any other error is a bug and is rethrown. */
async function recordFailure(
  context: ServerContext,
  { id: provider, ip, requestId }: Visit,
  error: unknown,
): Promise<FailedSignIn['problem']> {
  const found = await providerProblemOf(error)
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

/** Time limit for a provider sign-in, in seconds. */
const signInTime = 600

/** Maximum number of pending provider sign-ins in one browser, and of bytes in their cookies: Node reads at most 16 KiB of headers. */
const bounds = { count: 4, bytes: 8192 }

/** Maximum length of a path, as JSON, that fits in a cookie with the rest of a state: browsers store up to 4 KiB per cookie. */
const longestReturn = 2600

const sealed = 'provider~'

/**
 * Stores a pending sign-in in the browser, next to those in other tabs; evicts the oldest if there are too many. Returns the cookies to
 * set.
 */
export function keepProviderState(
  context: ServerContext,
  { browser, providerStates }: Visit,
  state: ProviderState,
): readonly string[] {
  const value = context.secrets.csrfFor(browser, seal(state))
  let bytes = value.length
  const others = [...providerStates]
    .map(([id, kept]) => ({ id, size: kept.length, state: open(context, kept, browser) }))
    .sort((a, b) => (b.state?.startedAt ?? 0) - (a.state?.startedAt ?? 0))
  const dropped = others.filter(({ size, state: other }, index) => {
    bytes += size
    return !other || isOver(context, other) || index >= bounds.count - 1 || bytes > bounds.bytes
  })
  return [
    ...dropped.map(({ id }) => cookieOf(context, `provider-${id}`, '', 0)),
    cookieOf(context, `provider-${cookieId(state.state)}`, value, signInTime),
  ]
}

/** Returns the pending sign-in for a callback, if this browser started it. */
function findProviderState(context: ServerContext, { browser, providerStates, url }: Visit): ProviderState | undefined {
  return open(context, providerStates.get(cookieId(url.searchParams.get('state') ?? '')), browser)
}

/** Returns the cookie that removes a state, because a state can be used only once. */
function dropProviderState(context: ServerContext, { state }: ProviderState): string {
  return cookieOf(context, `provider-${cookieId(state)}`, '', 0)
}

/** Whether a sign-in has expired. */
function isOver({ now }: ServerContext, { startedAt }: ProviderState): boolean {
  return !(now() - startedAt <= signInTime)
}

/**
 * Shortens a path to fit in a cookie. The link to a request can do without the agent's `state`, which is stored with the request. Any other
 * path that does not fit is replaced by the account's: an authorization request without its `state` would get a code that the client rejects.
 */
function shortened({ path: returnTo, tokenHash }: Pick<Destination, 'path' | 'tokenHash'>): string {
  if (fitsInCookie(returnTo)) return returnTo
  if (tokenHash === undefined) return localPath(undefined)
  const { pathname, searchParams } = new URL(returnTo, 'https://server.invalid')
  searchParams.delete('state')
  const path = `${pathname}?${searchParams.toString()}`
  // With its dots resolved, `/..//host` becomes the URL of another server.
  return localPath(fitsInCookie(path) ? path : undefined)
}

function fitsInCookie(path: string): boolean {
  return JSON.stringify(path).length <= longestReturn
}

function cookieId(state: string): string {
  return state.replaceAll(/[^A-Za-z0-9_-]/g, '').slice(0, 16)
}

function seal(state: ProviderState): string {
  return sealed + Buffer.from(JSON.stringify(state)).toString('base64url')
}

function open(context: ServerContext, value: string | undefined, browser: string): ProviderState | undefined {
  const page = context.secrets.readCsrf(value ?? '', browser)
  if (!page?.startsWith(sealed)) return undefined
  return JSON.parse(Buffer.from(page.slice(sealed.length), 'base64url').toString()) as ProviderState
}
