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
import { renewSession, signInChanged, startSession } from './session.js'
import type { SignInProblem, Way } from './sign-in-page-at.js'

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

/** Seconds that a sign-in at a provider may take. */
const signInTime = 600

/** Sign-ins at providers that one browser may have begun, and bytes of their cookies: Node reads 16 KiB of headers. */
const bounds = { count: 4, bytes: 8192 }

/** A path that a cookie can hold beside the rest of a state: browsers keep 4 KiB. */
const longestReturn = 2000

const sealed = 'provider~'

/** Keeps a started sign-in in the browser, beside those of other tabs; the oldest make room. Returns the cookies to set. */
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

/** The sign-in that a callback answers, if this browser started it. */
function findProviderState(context: ServerContext, { browser, providerStates, url }: Visit): ProviderState | undefined {
  return open(context, providerStates.get(cookieId(url.searchParams.get('state') ?? '')), browser)
}

/** The cookie that removes a state: it answers once. */
function dropProviderState(context: ServerContext, { state }: ProviderState): string {
  return cookieOf(context, `provider-${cookieId(state)}`, '', 0)
}

/** Whether a sign-in was started too long ago. */
function isOver({ now }: ServerContext, { startedAt }: ProviderState): boolean {
  return !(now() - startedAt <= signInTime)
}

/** A path that fits into a cookie: a request keeps the agent's `state` itself. */
function shortened(returnTo: string): string {
  if (returnTo.length <= longestReturn) return returnTo
  const { pathname, searchParams } = new URL(returnTo, 'https://server.invalid')
  searchParams.delete('state')
  const path = `${pathname}?${searchParams.toString()}`
  // Without its dots, `/..//host` is another server.
  return path.length <= longestReturn ? localPath(path) : localPath(undefined)
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
