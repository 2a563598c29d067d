import { generateCookie } from 'hono/cookie'
import { parse } from 'hono/utils/cookie'
import type { ServerContext } from './context.js'

/** What a cookie of the server's holds; a sign-in at an identity provider has one of its own in each tab. */
type CookiePart = 'browser' | 'session' | 'known' | 'language' | `provider-${string}`

/** Browsers cap cookie lives at 400 days. */
export const longestCookieLife = 400 * 86_400

/** Over `https` the names carry `__Host-` and the cookies `Secure`; loopback `http` can have neither, so there the names carry the role (W23). */
function namesAt(issuer: string): { stem: string; prefix?: 'host' } {
  return issuer.startsWith('https:') ? { stem: 'countersign-', prefix: 'host' } : { stem: 'countersign-auth-server-' }
}

/** What the names of all cookies start with. */
function startAt(issuer: string): string {
  const { stem, prefix } = namesAt(issuer)
  return prefix === 'host' ? `__Host-${stem}` : stem
}

/** What the browser sent; of two cookies with one name the first. */
export function readCookie({ issuer }: Issuer, { headers }: Request, part: CookiePart): string | undefined {
  const name = startAt(issuer) + part
  return parse(headers.get('cookie') ?? '', name)[name]
}

/** The sign-ins at identity providers that the browser has begun, sealed, by their ids. */
export function readProviderStates({ issuer }: Issuer, { headers }: Request): ReadonlyMap<string, string> {
  const start = `${startAt(issuer)}provider-`
  const states = Object.entries(parse(headers.get('cookie') ?? '')).filter(([name]) => name.startsWith(start))
  return new Map(states.map(([name, value]) => [name.slice(start.length), value]))
}

/** A `Set-Cookie` value (attacks C19); one that lives 0 seconds removes the cookie. */
export function cookieOf({ issuer }: Issuer, part: CookiePart, value: string, maxAge: number): string {
  const { stem, ...named } = namesAt(issuer)
  return generateCookie(stem + part, value, { ...named, maxAge, httpOnly: true, sameSite: 'Lax' })
}

type Issuer = Pick<ServerContext, 'issuer'>
