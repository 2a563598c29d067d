import * as platform from '#crypto'
import { firstVisits } from './browser-sessions.js'
import { type OwnCookies, readCookie } from './own-cookies.js'
import { isNavigation, isRead, type Visit } from './visit.js'

/**
 * The cookie check, which runs before a browser gets a session. At the callback URL, the browser shows that it returns cookies before an
 * auth server is contacted for its user. Otherwise, a client without cookies would start another request with each visit (attacks L12).
 */
export interface CookieCheck {
  /** Returns the value that an earlier visit left in the browser. */
  find(cookies: string | undefined): string | undefined
  /** Returns the URL of the cookie check, and the cookie to set for it. */
  send(visit: Visit<unknown>): { url: string; cookie: string }
  /** Whether a URL belongs to the cookie check. */
  isSent(url: string): boolean
  /** Returns the page to which the cookie check at a URL redirects the browser. */
  pageOf(url: string): string
  /** The `Set-Cookie` line that deletes the cookie. */
  readonly end: string
}

interface FirstVisitsOptions {
  cookies: OwnCookies
  wayBack: ReturnPages
  redirectUri: string
}

const parameter = 'visit'

export function createFirstVisits({ cookies, wayBack, redirectUri }: FirstVisitsOptions): CookieCheck {
  const { pathname } = new URL(redirectUri)

  return {
    find(header) {
      const visitCookie = readCookie(header, cookies.visit)
      return visitCookie !== undefined && /^[\w-]{22}$/.test(visitCookie) ? visitCookie : undefined
    },
    pageOf: (url) => wayBack.within(new URL(url).searchParams.get(parameter)),
    send(visit) {
      const url = new URL(redirectUri)
      url.searchParams.set(parameter, wayBack.pageOf(visit))
      return {
        url: url.href,
        cookie: cookies.write(cookies.visit, platform.serializeBase64url(platform.randomBytes(16)), firstVisits),
      }
    },
    isSent(url) {
      const { pathname: at, searchParams } = new URL(url)
      // A redirect URI may have its own query.
      const isAnswer = searchParams.has('code') || searchParams.has('error')
      return at === pathname && searchParams.has(parameter) && !isAnswer
    },
    end: cookies.write(cookies.visit, '', 0),
  }
}

/** Remembers the page on which a user had to decide, in one cookie per consent, so that each tab returns to its own page. */
export interface ReturnPages {
  /** The path and query of a visit; empty if they are too long. */
  pageOf(visit: Visit<unknown>): string
  /** Resolves a path to a page of the app's own origin, whatever the input. */
  within(path: string | null | undefined): string
  /** The cookie that remembers a visit's page until the consent at `url` is decided. */
  remember(visit: Visit<unknown>, url: string): string
  /** Where to redirect after the callback at `url`: always a URL of the app, whatever the cookies contain. */
  find(url: string, cookies: string | undefined): string
  /** The `Set-Cookie` line that deletes the cookie. */
  forget(url: string): string
}

interface WayBackOptions {
  cookies: OwnCookies
  origin: string
  /** The path to use if no page is remembered. */
  home: string
  /** Never a redirect target, because a callback works only once. */
  callbackPath: string
}

/** How long the page is remembered, in seconds: as long as a user may take to decide. */
const longestConsent = 3 * 3600

/** Maximum length of a path in a cookie and in a URL, in characters. For longer paths, the user returns to `home`. */
const longest = { cookie: 2000, address: 6000 }

/** @throws TypeError if `home` is not a path of the app */
export function createWayBack({ cookies, origin, home, callbackPath }: WayBackOptions): ReturnPages {
  if (!isOwn(home)) throw new TypeError(`home must be a path of the app, such as /start: ${String(home)}`)

  function isOwn(path: unknown): path is string {
    return typeof path === 'string' && URL.canParse(path, origin) && new URL(path, origin).origin === origin
  }

  function resolve(path: string | undefined): string {
    const url = new URL(isOwn(path) ? path : home, origin)
    return url.pathname === callbackPath ? new URL(home, origin).href : url.href
  }

  // Only a hint: the agent itself checks who may use what. In some editions, the state is in a URL within the URL.
  function nameFor(url: string): string {
    const [, state = ''] = /(?:[?&]|%3F)state(?:=|%3D)([\w-]{0,16})/.exec(url) ?? []
    return `${cookies.name}-back-${state}`
  }

  function shorten(from: string | undefined, most: number): string {
    const { pathname, search } = new URL(resolve(from))
    const path = pathname + search
    return encodeURIComponent(path).length > most ? '' : path
  }

  return {
    remember(visit, url) {
      // A POST is never repeated: the user returns to the form.
      const from = isRead(visit) && isNavigation(visit) ? visit.target : visit.header('referer')
      return cookies.write(nameFor(url), encodeURIComponent(shorten(from, longest.cookie)), longestConsent)
    },
    pageOf: (visit) => shorten(visit.target, longest.address),
    within: (path) => resolve(path || undefined),
    find: (url, header) => resolve(decode(readCookie(header, nameFor(url)) ?? '') || undefined),
    forget: (url) => cookies.write(nameFor(url), '', 0),
  }
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
