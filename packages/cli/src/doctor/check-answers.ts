import { documentUrl, type NetworkOptions } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { errorCode, errorReason } from '../command/errors.js'
import { checkIdentifier, documentKinds } from '../discover/check-identifier.js'
import type { Finding as Advice } from '../discover/findings.js'
import { type CheckReport, checking, type Finding } from './finding.js'
import { type Answer, ask, BrokenAnswer } from './origin.js'

const signInPath = '/account/sign-in'

/** Seconds that caches may hold a document: keys that leaked must be gone within ten minutes (W32). */
const longestAge = 600

/** What pages are sent with, and what it must say. */
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

/** Paths that only the admin port answers. */
const adminPaths = ['/healthz', '/readyz', '/metrics']

/** Whether caches may keep the document and the keys as the server says. */
export async function checkCaching(issuer: URL, jwksPath: string): Promise<Finding> {
  const report = checking('caching')
  const paths = [documentPath(issuer), jwksPath]
  const wrong = (await askEach(issuer, paths)).flatMap(([path, { headers }]) => {
    const control = headers['cache-control'] ?? 'nothing'
    const [, age] = /\bmax-age=(\d+)/.exec(control) ?? []
    const isRight = age !== undefined && Number(age) <= longestAge && !/\b(?:no-store|private)\b/.test(control)
    return isRight ? [] : [`Cache-Control of ${path} says ${control}.`]
  })
  if (wrong.length === 0) return report.ok('Caches keep the document and the keys for as long as the server says.')
  return report.warning(
    wrong.join(' '),
    'Let the proxy pass on what the server says, max-age=300: longer hides a new key, and none makes everybody fetch each time.',
  )
}

/** Whether a page comes with the headers that protect it, and cookies that only https carries. */
export async function checkPages(issuer: URL): Promise<Finding[]> {
  const report = checking('pages')
  const { status, headers } = await ask(issuer, signInPath)
  if (status !== 200) {
    return [
      report.problem(
        `The page to sign in answers ${status}.`,
        'Look into the log of the server, and let the proxy pass all paths.',
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
        `The page to sign in comes without ${lacking.join(', ')} as the server sends it.`,
        'Let the proxy neither remove nor replace headers of answers (proxy_hide_header, add_header, header_down).',
      ),
    )
  if (open.length > 0)
    findings.push(
      report.problem(
        'A cookie comes without Secure.',
        'Set issuer to the https URL, and let the proxy leave Set-Cookie alone.',
      ),
    )
  return findings.length > 0 ? findings : [report.ok('The page to sign in comes with all headers that protect it.')]
}

/** Whether redirects of the server stay at its origin. */
export async function checkLinks(issuer: URL): Promise<Finding> {
  const report = checking('links')
  const { status, headers } = await ask(issuer, '/')
  const { location } = headers
  if (location === undefined)
    return report.problem(
      `The first page answers ${status} and leads nowhere.`,
      'Let the proxy pass the path / to the server.',
    )
  if (originOf(location, issuer) === issuer.origin) return report.ok(`Redirects stay at ${issuer.origin}.`)
  return report.problem(
    `The first page leads to ${location}.`,
    'Let the proxy leave Location alone (proxy_redirect off), and serve the issuer at its own name.',
  )
}

/** Of a redirect; undefined: it leads nowhere. */
function originOf(location: string, issuer: URL): string | undefined {
  return URL.canParse(location, issuer.href) ? new URL(location, issuer).origin : undefined
}

/** Targets that a proxy must not touch: the server answers none of them as it answers the key set. */
function untouchable(jwksPath: string): readonly string[] {
  const name = jwksPath.slice(1)
  const encoded = `%${name.charCodeAt(0).toString(16).toUpperCase()}${name.slice(1)}`
  return [`/x/..${jwksPath}`, `/${jwksPath}`, `/${encoded}`]
}

/** Whether paths arrive as they were sent: agents sign them. */
export async function checkTargets(issuer: URL, jwksPath: string): Promise<Finding> {
  const report = checking('paths')
  const changed = (await askEach(issuer, untouchable(jwksPath)))
    .filter(([, { status }]) => status !== 400 && status !== 404)
    .map(([target, { status }]) => `${target} is answered with ${status}`)
  if (changed.length === 0) return report.ok('They arrive as they were sent, with dots, slashes and % in them.')
  return report.problem(
    `Paths are changed on the way: ${changed.join('; ')}.`,
    'Pass the target on as it came: in nginx, proxy_pass without a path after the port and no rewrite; signatures of agents are refused otherwise.',
  )
}

/** Whether headers of the size that tokens need come through. */
export async function checkHeaderSizes(issuer: URL, jwksPath: string): Promise<Finding> {
  const report = checking('header sizes')
  const { status } = await ask(issuer, `${jwksPath}?${'x'.repeat(4000)}`, { 'signature-key': 'x'.repeat(10_000) })
  if (status === 200) return report.ok('A header of 10 kB comes through.')
  return report.problem(
    `With a header of 10 kB the answer is ${status}.`,
    'Signatures and tokens travel in headers: allow 16 kB (nginx: large_client_header_buffers 4 16k).',
  )
}

/** Whether strangers reach what is for operators. */
export async function checkAdmin(issuer: URL): Promise<Finding> {
  const report = checking('admin port')
  const answered = await Promise.all(adminPaths.map((path) => isReadable(issuer, path)))
  const open = adminPaths.filter((_path, index) => answered[index])
  if (open.length === 0) return report.ok(`${adminPaths.join(', ')} are not to be had here.`)
  return report.problem(
    `Everybody can read ${open.join(', ')}.`,
    'Pass only listen.port on, and let nobody reach admin.port from outside.',
  )
}

/** A connection that is closed without a word shows nothing: proxies can be told to do that. */
async function isReadable(issuer: URL, path: string): Promise<boolean> {
  try {
    return (await ask(issuer, path)).status === 200
  } catch (error) {
    if (!(error instanceof BrokenAnswer) && errorCode(error) === 'ECONNRESET') return false
    throw error
  }
}

/** How far the clock of the server is from the one of this machine. */
export async function checkClock(issuer: URL): Promise<Finding> {
  const report = checking('clock')
  const answer = await ask(issuer, documentPath(issuer))
  const offset = offsetOf(answer)
  if (offset === undefined) return report.unknown('The answer has no Date.')
  const seen = `The server’s is ${Math.abs(offset)} s ${offset < 0 ? 'behind' : 'ahead of'} the one of this machine.`
  if (Math.abs(offset) <= 2) return report.ok('The server’s agrees with the one of this machine.')
  const mend = 'Set both by NTP: signatures that are made more than 60 s ago, or ahead, are refused.'
  return Math.abs(offset) < 30 ? report.warning(seen, mend) : report.problem(seen, mend)
}

/** Seconds; `Date` has no fractions, and was written between sending and answering. */
function offsetOf({ headers, sentAt, answeredAt }: Answer): number | undefined {
  const date = Date.parse(headers.date ?? '')
  if (Number.isNaN(date)) return undefined
  if (date + 1000 < sentAt) return Math.round((date - sentAt) / 1000)
  return date > answeredAt ? Math.round((date - answeredAt) / 1000) : 0
}

/** At once, so that it takes no longer than one. */
function askEach(issuer: URL, targets: readonly string[]): Promise<(readonly [target: string, answer: Answer])[]> {
  return Promise.all(targets.map(async (target) => [target, await ask(issuer, target)] as const))
}

function documentPath(issuer: URL): string {
  return new URL(documentUrl(january.documents.authServer, issuer.href.replace(/\/$/, ''))).pathname
}

/** What answers by plain HTTP, for people who type the name only. */
export async function checkRedirect(issuer: URL): Promise<Finding> {
  const report = checking('plain http')
  if (issuer.protocol === 'http:') return report.unknown('The issuer is http itself.')
  if (issuer.port !== '')
    return report.unknown(`The port is ${issuer.port}: which one would be for plain http is not known.`)
  const plain = new URL(`http://${issuer.hostname}`)
  try {
    const { status, headers } = await ask(plain, '/account')
    const location = headers.location ?? ''
    if ([301, 302, 307, 308].includes(status) && location.startsWith(`${issuer.origin}/`))
      return report.ok(`Port 80 sends people on to ${issuer.origin}.`)
    const seen = location === '' ? `Port 80 answers with ${status}.` : `Port 80 answers with ${status}, to ${location}.`
    return report.problem(seen, mend)
  } catch (error) {
    const why = errorReason(error)
    if (error instanceof BrokenAnswer) return report.problem(`Port 80 answers with something else (${why}).`, mend)
    return report.ok(`Nothing answers at port 80 (${why}).`)
  }
}

const mend =
  'Let it answer everything with 308 to the https URL, and nothing else: a password could be typed into a page that anybody on the way may change.'

/** The server's document and its keys, as agents and resources read them. */
export async function checkDocuments(
  issuer: string,
  network: NetworkOptions,
  tell: (text: string) => void,
): Promise<{ findings: Finding[]; jwksUri: string | undefined }> {
  const kinds = documentKinds.filter(({ party }) => party === 'issuer')
  const { documents } = await checkIdentifier(issuer, { ...network, configuredOrigin: issuer }, tell, kinds)
  const [document] = documents
  const told = checking('document')
  if (!document || document.outcome === 'absent') {
    const found = `There is none at ${document?.url ?? issuer}.`
    const mend = 'Give the issuer as it stands in the configuration, and let the proxy pass all paths to the server.'
    return { findings: [told.problem(found, mend)], jwksUri: undefined }
  }
  const keySet = document.key_set
  const ofKeys = checking('keys')
  const usable = keySet?.keys.filter(({ outcome }) => outcome === 'ok').length ?? 0
  return {
    findings: [
      ...judge(told, document, `${document.url} is as it should be.`),
      ...(keySet ? judge(ofKeys, keySet, `${usable} at ${keySet.url}, each of which can be used.`) : []),
    ],
    jwksUri: keySet?.url,
  }
}

function judge(
  report: CheckReport,
  { outcome, findings }: { outcome: string; findings: readonly Advice[] },
  fine: string,
): Finding[] {
  const told = findings.map(({ level, what, mend }) => {
    const found = /[.…]$/.test(what) ? what : `${what}.`
    return level === 'error' ? report.problem(found, mend) : report.warning(found, mend)
  })
  return outcome === 'ok' && told.length === 0 ? [report.ok(fine)] : told
}
