import type { ServerContext } from '../http/context.js'
import { cookieOf } from '../http/cookies.js'
import { localPath } from '../http/local-path.js'
import type { Visit } from '../http/visit.js'
import type { ProviderState } from '../outbound/identity-provider.js'

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
export function findProviderState(
  context: ServerContext,
  { browser, providerStates, url }: Visit,
): ProviderState | undefined {
  return open(context, providerStates.get(cookieId(url.searchParams.get('state') ?? '')), browser)
}

/** The cookie that removes a state: it answers once. */
export function dropProviderState(context: ServerContext, { state }: ProviderState): string {
  return cookieOf(context, `provider-${cookieId(state)}`, '', 0)
}

/** Whether a sign-in was started too long ago. */
export function isOver({ now }: ServerContext, { startedAt }: ProviderState): boolean {
  return !(now() - startedAt <= signInTime)
}

/** A path that fits into a cookie: a request keeps the agent's `state` itself. */
export function shortened(returnTo: string): string {
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
