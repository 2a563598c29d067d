import { generateCookie } from 'hono/cookie'
import { parse } from 'hono/utils/cookie'
import type { ServerContext } from './context.js'

/** The server's cookies. Each pending sign-in at an identity provider has its own cookie, because several tabs can have one. */
type CookiePart = 'browser' | 'session' | 'known' | 'language' | 'link' | `provider-${string}`

/** Browsers cap cookie lifetimes at 400 days. */
export const longestCookieLife = 400 * 86_400

/**
 * Over `https`, cookies are `Secure` and their names have the `__Host-` prefix. Loopback `http` allows neither, so the names there start
 * with the server's role instead (W23).
 */
function namesAt(issuer: string): { stem: string; prefix?: 'host' } {
  return issuer.startsWith('https:') ? { stem: 'countersign-', prefix: 'host' } : { stem: 'countersign-auth-server-' }
}

/** The common prefix of all cookie names. */
function startAt(issuer: string): string {
  const { stem, prefix } = namesAt(issuer)
  return prefix === 'host' ? `__Host-${stem}` : stem
}

/** Returns a cookie that the browser sent. If two cookies have the same name, returns the first. */
export function readCookie({ issuer }: Issuer, { headers }: Request, part: CookiePart): string | undefined {
  const name = startAt(issuer) + part
  return parse(headers.get('cookie') ?? '', name)[name]
}

/** Returns the sealed states of the browser's pending sign-ins at identity providers, by id. */
export function readProviderStates({ issuer }: Issuer, { headers }: Request): ReadonlyMap<string, string> {
  const start = `${startAt(issuer)}provider-`
  const states = Object.entries(parse(headers.get('cookie') ?? '')).filter(([name]) => name.startsWith(start))
  return new Map(states.map(([name, value]) => [name.slice(start.length), value]))
}

/** Returns a `Set-Cookie` value (attacks C19); a lifetime of 0 seconds removes the cookie. */
export function cookieOf({ issuer }: Issuer, part: CookiePart, value: string, maxAge: number): string {
  const { stem, ...named } = namesAt(issuer)
  return generateCookie(stem + part, value, { ...named, maxAge, httpOnly: true, sameSite: 'Lax' })
}

type Issuer = Pick<ServerContext, 'issuer'>
