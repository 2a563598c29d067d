import { assetPath } from '../pages/assets.js'
import { languages } from '../pages/messages/choose-messages.js'
import type { PageFrame } from '../pages/models/models.js'
import type { ServerContext } from './context.js'
import { csrfOf, type Visit } from './visit.js'

// Nothing of what a browser can do, but passkeys.
const permissionsPolicy =
  'accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), ' +
  'gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), ' +
  'screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()'

/** `form-action` would stop the redirect from the consent form to the agent, so the two pages with that form leave it out (attacks C26). Only pages with a passkey ceremony or an end to put off may ask the server by script. */
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
  return withCookies(new Response(html, { status, headers }), cookies)
}

/** A redirect after a form: 303, so that the form is never posted again (attacks C25). */
export function seeOther(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' })
  return withCookies(new Response(null, { status: 303, headers }), cookies)
}

/** The response, which sets these cookies, too. */
export function withCookies(response: Response, cookies: readonly string[]): Response {
  for (const cookie of cookies) response.headers.append('set-cookie', cookie)
  return response
}

/** What every page of this server has; a page that cannot be come back to offers no language, and is made without a visit. */
export function pageFrame(context: ServerContext, visit?: Visit): PageFrame {
  const language = visit && { action: '/account/language', csrf: csrfOf(context, visit), returnTo: visit.path }
  const footer = { ...context.footer, languages: Object.keys(languages).length > 1 ? language : undefined }
  return {
    serverName: context.name,
    stylesheet: assetPath('pages.css'),
    icon: assetPath('icon.svg'),
    touchIcon: assetPath('apple-touch-icon.png'),
    script: assetPath('pages.js'),
    footer: Object.values(footer).every((end) => end === undefined) ? undefined : footer,
    contact: context.contact,
  }
}
