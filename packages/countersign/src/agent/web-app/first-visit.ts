import * as platform from '#crypto'
import { serializeBase64url } from '../../lib/base64url.js'
import { firstVisits } from './browser-sessions.js'
import { type OwnCookies, readCookie } from './own-cookies.js'
import type { Visit } from './visit.js'
import type { WayBack } from './way-back.js'

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

export interface FirstVisitsOptions {
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
        cookie: cookies.write(cookies.visit, serializeBase64url(platform.randomBytes(16)), firstVisits),
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
