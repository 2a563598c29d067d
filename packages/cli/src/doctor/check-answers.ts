import { errorCode, errorReason } from '../command/errors.js'
import { checking, type Finding } from './finding.js'
import { type Answer, ask, IncompleteResponse } from './origin.js'

const signInPath = '/account/sign-in'

/** How long caches may keep a document, in seconds. A leaked key must disappear from all caches within ten minutes (W32). */
const longestAge = 600

/** Headers that pages must have, and their required values. */
const pageHeaders: Readonly<Record<string, RegExp>> = {
  'cache-control': /\bno-store\b/,
  'content-security-policy': /frame-ancestors 'none'/,
  'cross-origin-opener-policy': /^same-origin$/,
  'permissions-policy': /./,
  'referrer-policy': /^same-origin$/,
  'strict-transport-security': /max-age=\d{7,}/,
  'x-content-type-options': /nosniff/,
  'x-frame-options': /^deny$/i,
}

/** Paths that only the admin port serves. */
const adminPaths = ['/healthz', '/readyz', '/metrics']

/** Checks that caches may keep the document and the keys, for at most ten minutes. */
export async function checkCaching(issuer: URL, paths: readonly string[]): Promise<Finding> {
  const report = checking('caching')
  const wrong = (await getEach(issuer, paths)).flatMap(([path, { headers }]) => {
    const control = headers['cache-control'] ?? 'missing'
    const [, age] = /\bmax-age=(\d+)/.exec(control) ?? []
    const isRight = age !== undefined && Number(age) <= longestAge && !/\b(?:no-store|private)\b/.test(control)
    return isRight ? [] : [`Cache-Control of ${path} is ${control}.`]
  })
  if (wrong.length === 0)
    return report.ok(`Caches may keep the document and the keys, for at most ${longestAge / 60} minutes.`)
  return report.warning(
    wrong.join(' '),
    'Configure the proxy to pass on the server’s Cache-Control (max-age=300): a longer lifetime delays the discovery of a new key, and without caching, peers fetch the keys more often.',
  )
}

/** Checks that a page has its security headers, and that its cookies are sent only over https. */
export async function checkPages(issuer: URL): Promise<Finding[]> {
  const report = checking('pages')
  const { status, headers } = await ask(issuer, signInPath)
  if (status !== 200) {
    return [
      report.problem(
        `The sign-in page returns ${status}.`,
        'Check the server’s log, and configure the proxy to forward all paths.',
      ),
    ]
  }
  const lacking = Object.entries(pageHeaders)
    .filter(([name, expected]) => !expected.test(String(headers[name] ?? '')))
    .map(([name]) => name)
  const open = (headers['set-cookie'] ?? []).filter(
    (cookie) => issuer.protocol === 'https:' && !/;\s*secure\b/i.test(cookie),
  )
  const findings: Finding[] = []
  if (lacking.length > 0)
    findings.push(
      report.problem(
        `The sign-in page lacks ${lacking.join(', ')}, or the values differ from those that the server sends.`,
        'Configure the proxy not to remove or replace response headers (proxy_hide_header, add_header, header_down).',
      ),
    )
  if (open.length > 0)
    findings.push(
      report.problem(
        'A cookie lacks the Secure attribute.',
        'Set issuer to the https URL, and configure the proxy not to change Set-Cookie.',
      ),
    )
  return findings.length > 0 ? findings : [report.ok('The sign-in page has all of its security headers.')]
}

/** Checks that the server's redirects stay at its origin. */
export async function checkLinks(issuer: URL): Promise<Finding> {
  const report = checking('links')
  const { status, headers } = await ask(issuer, '/')
  const { location } = headers
  if (location === undefined)
    return report.problem(
      `The path / returns ${status} instead of a redirect.`,
      'Configure the proxy to forward the path / to the server.',
    )
  if (originOf(location, issuer) === issuer.origin) return report.ok(`Redirects stay at ${issuer.origin}.`)
  return report.problem(
    `The path / redirects to ${location}.`,
    'Configure the proxy not to change Location (proxy_redirect off), and serve the issuer under its own host name.',
  )
}

/** Origin of a redirect target; undefined if the target is not a valid URL. */
function originOf(location: string, issuer: URL): string | undefined {
  return URL.canParse(location, issuer.href) ? new URL(location, issuer).origin : undefined
}

/** Request targets that a proxy must not normalize. The server never returns the key set for them. */
function untouchable(jwksPath: string): readonly string[] {
  const name = jwksPath.slice(1)
  const encoded = `%${name.charCodeAt(0).toString(16).toUpperCase()}${name.slice(1)}`
  return [`/x/..${jwksPath}`, `/${jwksPath}`, `/${encoded}`]
}

/** Checks that paths arrive unchanged, because agents sign them. */
export async function checkTargets(issuer: URL, jwksPath: string): Promise<Finding> {
  const report = checking('paths')
  const changed = (await getEach(issuer, untouchable(jwksPath)))
    .filter(([, { status }]) => status !== 400 && status !== 404)
    .map(([target, { status }]) => `${target} returns ${status}`)
  if (changed.length === 0) return report.ok('Paths with dots, slashes and % arrive unchanged.')
  return report.problem(
    `Some paths are changed or blocked in transit: ${changed.join('; ')}.`,
    'Forward the request target unchanged: in nginx, proxy_pass without a path after the port, and no rewrite. Otherwise agents’ signatures are refused.',
  )
}

/** Checks that headers large enough for tokens are accepted. */
export async function checkHeaderSizes(issuer: URL, jwksPath: string): Promise<Finding> {
  const report = checking('header sizes')
  const { status } = await ask(issuer, `${jwksPath}?${'x'.repeat(4000)}`, {
    headers: { 'signature-key': 'x'.repeat(10_000) },
  })
  if (status === 200) return report.ok('A header of 10 kB is accepted.')
  return report.problem(
    `A request with a 10 kB header returns ${status}.`,
    'Signatures and tokens travel in headers: allow 16 kB (nginx: large_client_header_buffers 4 16k).',
  )
}

/** Checks that the operators' endpoints are not publicly reachable. */
export async function checkAdmin(issuer: URL): Promise<Finding> {
  const report = checking('admin port')
  const answered = await Promise.all(adminPaths.map((path) => isReadable(issuer, path)))
  const open = adminPaths.filter((_path, index) => answered[index])
  if (open.length === 0) return report.ok(`${adminPaths.join(', ')} are not reachable from here.`)
  return report.problem(
    `Anyone can read ${open.join(', ')}.`,
    'Forward only to listen.port, and block access to admin.port from outside.',
  )
}

/** A connection that is closed without a response counts as not readable, because proxies can be configured to do that. */
async function isReadable(issuer: URL, path: string): Promise<boolean> {
  try {
    return (await ask(issuer, path)).status === 200
  } catch (error) {
    if (!(error instanceof IncompleteResponse) && errorCode(error) === 'ECONNRESET') return false
    throw error
  }
}

/** Checks the offset between the server's clock and this machine's. */
export async function checkClock(issuer: URL, path: string): Promise<Finding> {
  const report = checking('clock')
  const answer = await ask(issuer, path)
  const offset = offsetOf(answer)
  if (offset === undefined) return report.unknown('The response has no Date header.')
  const seen = `The server’s clock is ${Math.abs(offset)} s ${offset < 0 ? 'behind' : 'ahead of'} this machine’s clock.`
  if (Math.abs(offset) <= 2) return report.ok('The server’s clock agrees with this machine’s.')
  const fix = 'Synchronize both with NTP: signatures created more than 60 s in the past or in the future are refused.'
  return Math.abs(offset) < 30 ? report.warning(seen, fix) : report.problem(seen, fix)
}

/**
 * Offset in seconds. `Date` has no fractional seconds, and was set at an unknown time between sending the request and receiving the
 * response.
 */
function offsetOf({ headers, sentAt, answeredAt }: Answer): number | undefined {
  const date = Date.parse(headers.date ?? '')
  if (Number.isNaN(date)) return undefined
  if (date + 1000 < sentAt) return Math.round((date - sentAt) / 1000)
  return date > answeredAt ? Math.round((date - answeredAt) / 1000) : 0
}

/** Sends the requests in parallel, so that together they take no longer than a single one. */
function getEach(issuer: URL, targets: readonly string[]): Promise<(readonly [target: string, answer: Answer])[]> {
  return Promise.all(targets.map(async (target) => [target, await ask(issuer, target)] as const))
}

/** Checks what is served over plain HTTP, for users who type only the host name. */
export async function checkRedirect(issuer: URL): Promise<Finding> {
  const report = checking('plain http')
  if (issuer.protocol === 'http:') return report.unknown('The issuer itself uses http.')
  if (issuer.port !== '')
    return report.unknown(`The issuer has port ${issuer.port}, so the port for plain http is unknown.`)
  const plain = new URL(`http://${issuer.hostname}`)
  try {
    const { status, headers } = await ask(plain, '/account')
    const location = headers.location ?? ''
    if ([301, 302, 307, 308].includes(status) && location.startsWith(`${issuer.origin}/`))
      return report.ok(`Port 80 redirects to ${issuer.origin}.`)
    const seen =
      location === '' ? `Port 80 returns ${status}.` : `Port 80 returns ${status} with a redirect to ${location}.`
    return report.problem(seen, fix)
  } catch (error) {
    const why = errorReason(error)
    if (error instanceof IncompleteResponse)
      return report.problem(`Port 80 does not return a valid HTTP response (${why}).`, fix)
    return report.ok(`Port 80 does not respond (${why}).`)
  }
}

const fix =
  'Configure port 80 to redirect every request to the https URL with 308, and to serve nothing else. Otherwise an attacker on the network could change the page into which users type their password.'
