import * as platform from '#crypto'
import { firstVisits } from './browser-sessions.js'
import { type OwnCookies, readCookie } from './own-cookies.js'
import { isNavigation, isRead, type Visit } from './visit.js'

/**
 * What comes before a browser's session: it shows that it brings cookies back, by way of the callback, before an auth server
 * is asked for its person. Whatever keeps no cookies would begin one request more with each visit (attacks L12).
 */
export interface FirstVisits {
  /** What an earlier visit left in the browser. */
  find(cookies: string | undefined): string | undefined
  /** Where a browser shows it, and the cookie to bring. */
  send(visit: Visit<unknown>): { url: string; cookie: string }
  /** Whether an address is one that was sent to. */
  isSent(url: string): boolean
  /** The page that a browser at such an address wants. */
  pageOf(url: string): string
  /** The cookie that forgets what it left. */
  readonly end: string
}

interface FirstVisitsOptions {
  cookies: OwnCookies
  wayBack: WayBack
  redirectUri: string
}

const parameter = 'visit'

export function createFirstVisits({ cookies, wayBack, redirectUri }: FirstVisitsOptions): FirstVisits {
  const { pathname } = new URL(redirectUri)

  return {
    find(header) {
      const brought = readCookie(header, cookies.visit)
      return brought !== undefined && /^[\w-]{22}$/.test(brought) ? brought : undefined
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
      // A redirect URI may have a query of its own.
      const isAnswer = searchParams.has('code') || searchParams.has('error')
      return at === pathname && searchParams.has(parameter) && !isAnswer
    },
    end: cookies.write(cookies.visit, '', 0),
  }
}

/** Where a browser was when its person had to decide: in a cookie for each consent, so that each tab comes back to its page. */
export interface WayBack {
  /** What a visit asks for, as a path with its query; empty for a long one. */
  pageOf(visit: Visit<unknown>): string
  /** A page of the app's own, whatever is given. */
  within(path: string | null): string
  /** The cookie that remembers the page of a visit until the consent at `url` is answered. */
  remember(visit: Visit<unknown>, url: string): string
  /** Where to go after the callback at `url`: an address of the app's own, whatever the cookies say. */
  find(url: string, cookies: string | undefined): string
  /** The cookie that forgets it. */
  forget(url: string): string
}

interface WayBackOptions {
  cookies: OwnCookies
  origin: string
  /** The path of those who have none. */
  home: string
  /** Never gone back to: an answer works once. */
  callbackPath: string
}

/** Seconds for which it is remembered: a person may take as long to decide. */
const longestConsent = 3 * 3600

/** Characters of a path in a cookie, and in an address; the way back of a longer one is home. */
const longest = { cookie: 2000, address: 6000 }

/** @throws TypeError for a home that is no path of the app's own */
export function createWayBack({ cookies, origin, home, callbackPath }: WayBackOptions): WayBack {
  if (!isOwn(home)) throw new TypeError(`home must be a path of the app, such as /start: ${String(home)}`)

  function isOwn(path: unknown): path is string {
    return typeof path === 'string' && URL.canParse(path, origin) && new URL(path, origin).origin === origin
  }

  function resolve(path: string | undefined): string {
    const url = new URL(isOwn(path) ? path : home, origin)
    return url.pathname === callbackPath ? new URL(home, origin).href : url.href
  }

  // Only a hint: what belongs to whom is checked by the agent.
  function nameFor(url: string): string {
    const state = new URL(url).searchParams.get('state') ?? ''
    return `${cookies.name}-back-${state.replaceAll(/[^\w-]/g, '').slice(0, 16)}`
  }

  function shorten(from: string | undefined, most: number): string {
    const { pathname, search } = new URL(resolve(from))
    const path = pathname + search
    return encodeURIComponent(path).length > most ? '' : path
  }

  return {
    remember(visit, url) {
      // What was posted is not sent again: the person comes back to the form.
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
