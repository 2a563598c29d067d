import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Who may have what sent. */
export interface SidecarRules {
  /** Hosts that requests may go to, with the port where that is not 443: `api.example`. */
  hosts: ReadonlySet<string>
  /** What a program must know; undefined on a socket, whose file says who may use it. */
  secret: string | undefined
  /** How programs may call the sidecar itself in `Host`; undefined on a socket, where any name will do. */
  ownHosts: ReadonlySet<string> | undefined
}

export interface AskedMessage {
  method: string
  /** As it was on the wire. */
  rawTarget: string
  headers: IncomingHttpHeaders
  /** Values of `Host`: Node shows the first of several as the one. */
  hosts: readonly string[]
}

/** What a program wants sent. */
export interface AskedTarget {
  url: URL
  /** `path`: the sidecar is asked for `/https://api.example/orders`; `proxy`: it is an HTTP proxy. */
  form: 'path' | 'proxy'
}

/** Why it is not sent. */
export interface SidecarRefusal {
  status: number
  error: 'secret_required' | 'web_page' | 'host_not_allowed' | 'request_malformed'
  problem: string
}

/**
 * What a program of this machine wants sent, or why it is not. A page in a browser on this machine could send here as well, so
 * nothing that comes from one is taken (attacks L10), and no host but those that were named is asked (attacks L11).
 */
export function judgeRequest(
  { method, rawTarget, headers, hosts }: AskedMessage,
  rules: SidecarRules,
): AskedTarget | SidecarRefusal {
  if (fromPages.some((name) => headers[name] !== undefined))
    return { status: 403, error: 'web_page', problem: 'Programs are answered here, and no web pages.' }
  if (hosts.length > 1) return { status: 400, error: 'request_malformed', problem: 'There is more than one Host.' }
  const form = rawTarget.startsWith('/') ? 'path' : 'proxy'
  if (form === 'path' && rules.ownHosts?.has(headers.host ?? '') === false)
    return { status: 403, error: 'web_page', problem: `Ask for this by ${[...rules.ownHosts].join(' or ')}.` }
  if (rules.secret !== undefined && !knowsSecret(headers, rules.secret))
    return { status: form === 'proxy' ? 407 : 401, error: 'secret_required', problem: secretNeeded }
  if (notSent.has(method)) return { status: 405, error: 'request_malformed', problem: `${method} is not sent.` }
  const url = form === 'path' ? urlInPath(rawTarget) : urlOfProxy(rawTarget)
  if (url === undefined || `${url.username}${url.password}` !== '')
    return { status: 400, error: 'request_malformed', problem: forms }
  if (form === 'proxy' && headers.host !== undefined && headers.host.toLowerCase() !== hostOf(rawTarget))
    return { status: 400, error: 'request_malformed', problem: 'Host is not the host that is asked for.' }
  if (!rules.hosts.has(url.host)) {
    const problem = `${url.host} is not a host that this sidecar asks: start it with --allow-host ${url.host}`
    return { status: 403, error: 'host_not_allowed', problem }
  }
  return { url, form }
}

/** What browsers send that a program does not; `Sec-Fetch-Mode` is sent by the fetch of Node as well. */
const fromPages = ['origin', 'sec-fetch-site', 'sec-fetch-dest', 'sec-websocket-key'] as const

/** What the platform's fetch does not send (Fetch §2.2.1). */
const notSent: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

const forms =
  'Ask for /https://api.example/path here, or use this as an HTTP proxy with http://api.example/path, which is then sent by https.'

const secretNeeded =
  'A secret is needed, as the password of the URL: http://x:SECRET@127.0.0.1:PORT/https://api.example/path, or of the proxy.'

/** Whether a request has the secret, as a proxy's user-info or as that of the sidecar's own URL. */
export function knowsSecret(headers: IncomingHttpHeaders, secret: string): boolean {
  return [headers['proxy-authorization'], headers.authorization].some((value) => isSecretIn(value, secret))
}

/** Whether a value is `Basic`, with the secret as its password. */
export function isSecretIn(value: string | undefined, secret: string): boolean {
  const [, encoded = ''] = /^basic[ \t]+([\w+/=-]+)$/i.exec(value ?? '') ?? []
  const password = Buffer.from(encoded, 'base64')
    .toString('utf8')
    .replace(/^[^:]*:/, '')
  return timingSafeEqual(digest(password), digest(secret))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Some clients make one slash of two. */
function urlInPath(target: string): URL | undefined {
  const [, scheme, rest] = /^\/(https?):\/{1,2}([^/].*)$/i.exec(target) ?? []
  if (scheme === undefined) return undefined
  const url = parse(`${scheme}://${rest}`)
  return url?.protocol === 'https:' || (url && isLoopback(url)) ? url : undefined
}

/** A host that a proxy is asked for in plain text is asked by https. */
function urlOfProxy(target: string): URL | undefined {
  const url = parse(target)
  if (url?.protocol !== 'http:') return undefined
  url.protocol = 'https:'
  return url
}

function hostOf(target: string): string {
  return parse(target)?.host ?? ''
}

function isLoopback({ hostname }: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
}

function parse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}
