import { randomInt } from 'node:crypto'
import { constants, gzipSync } from 'node:zlib'
import { assetPath } from '../pages/assets.js'
import { displayHost } from '../pages/components/marks.js'
import { languages } from '../pages/messages/choose-messages.js'
import { accountPaths, signInPath } from '../pages/models/account-paths.js'
import type { PageFrame } from '../pages/models/models.js'
import type { ServerContext } from './context.js'
import { csrfOf, type Visit } from './visit.js'

// Disables every browser feature except passkeys.
const permissionsPolicy =
  'accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), ' +
  'gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), ' +
  'screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()'

/**
 * Returns a response with a page. `form-action` would block the redirect from the consent form to the agent, so the two pages with that
 * form omit it (attacks C26), as does the page whose form is sent to a device. Only pages with a passkey ceremony or an extendable deadline may send requests to the server from a script.
 */
export function htmlResponse(
  html: string,
  {
    status = 200,
    formRedirectsAway = false,
    cookies = [],
    retryAfter,
    connects = false,
  }: {
    status?: number
    formRedirectsAway?: boolean
    cookies?: readonly string[]
    retryAfter?: number | undefined
    connects?: boolean
  } = {},
): Response {
  const headers: Record<string, string> = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
      (connects ? "connect-src 'self'; " : '') +
      "base-uri 'none'; frame-ancestors 'none'" +
      (formRedirectsAway ? '' : "; form-action 'self'"),
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': permissionsPolicy,
  }
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  const response = withCookies(new Response(html, { status, headers }), cookies)
  pages.set(response, html)
  return response
}

/**
 * The text of each page, because reading it from a response takes longer than compressing it. A subclass with a field would extend the
 * `Response` of load time, which listeners replace later.
 */
const pages = new WeakMap<Response, string>()

/** Redirects with 303 after a form is submitted, so that the form is never resubmitted (attacks C25). */
export function seeOther(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' })
  return withCookies(new Response(null, { status: 303, headers }), cookies)
}

/** Adds cookies to a response and returns it. */
export function withCookies(response: Response, cookies: readonly string[]): Response {
  for (const cookie of cookies) response.headers.append('set-cookie', cookie)
  return response
}

/**
 * Builds the frame that surrounds every page. A page that the user cannot return to is built without a visit and offers no language choice.
 */
export function pageFrame(context: ServerContext, visit?: Visit): PageFrame {
  const language = visit && { action: '/account/language', csrf: csrfOf(context, visit), returnTo: visit.path }
  const footer = { ...context.footer, languages: Object.keys(languages).length > 1 ? language : undefined }
  return {
    serverName: context.name,
    issuerHost: displayHost(context.issuer),
    serverLogo: context.brand.logo,
    brandStylesheet: context.brand.stylesheet,
    stylesheet: assetPath('pages.css'),
    icon: assetPath('icon.svg'),
    touchIcon: assetPath('apple-touch-icon.png'),
    script: assetPath('pages.js'),
    footer: Object.values(footer).every((end) => end === undefined) ? undefined : footer,
    contact: context.contact,
    forgotHref: context.sendEmail && accountPaths.forgot,
  }
}

/** Pages with fewer characters are not compressed. */
const least = 1000

/** Maximum number of random padding bytes in a page. */
const mostPadding = 100

/** Whether the client accepts gzip. */
export function takesGzip(request: Request): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:[,;]|$))/i.test(request.headers.get('accept-encoding') ?? '')
}

/** Compresses a page of {@link htmlResponse} if the client accepts gzip; returns any other response unchanged. */
type Compress = (request: Request, response: Response) => Response

/**
 * Creates the function that compresses pages. The file name in the gzip header has a random length, so that an attacker who injects text
 * into a page through a link cannot infer the rest of the page from its compressed length (BREACH). Pages sent under overload are the same
 * for many clients, and are compressed only once.
 */
export function createCompression(): Compress {
  const overloadPages = new Map<string, Buffer>()

  function packedOnce(page: string): Buffer {
    const known = overloadPages.get(page)
    if (known) return known
    if (overloadPages.size >= mostKept) overloadPages.clear()
    const made = packed(page)
    overloadPages.set(page, made)
    return made
  }

  return function compress(request, response) {
    const page = pages.get(response)
    if (page === undefined) return response
    const { status, headers } = response
    headers.append('vary', 'accept-encoding')
    if (page.length < least || !takesGzip(request)) return response
    headers.set('content-encoding', 'gzip')
    return new Response(padded(status === overloaded ? packedOnce(page) : packed(page)), { status, headers })
  }
}

const overloaded = 503

const mostKept = 32

function packed(page: string): Buffer {
  return gzipSync(page, { level: constants.Z_BEST_SPEED })
}

const headLength = 10

const hasName = 8

/** Returns the same stream with a file name added (RFC 1952 §2.3.1). */
function padded(stream: Buffer): Buffer<ArrayBuffer> {
  const name = `${'p'.repeat(randomInt(1, mostPadding + 1))}\0`
  const head = Buffer.from(stream.subarray(0, headLength))
  head.writeUInt8(head.readUInt8(3) | hasName, 3)
  return Buffer.concat([head, Buffer.from(name), stream.subarray(headLength)])
}

/** Sends a user to the sign-in page, which continues to the page that they came for. */
export function signInFirst(visit: Visit): Response {
  return seeOther(signInPath(visit.path), visit.newCookies)
}
