import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Access rules: which programs may send requests, and which hosts they may call. */
export interface SidecarRules {
  /** Allowed hosts, with the port if it is not 443: `api.example`. */
  hosts: ReadonlySet<string>
  /** The secret that programs must send; undefined for a socket, to which file permissions control access. */
  secret: string | undefined
  /** Accepted `Host` values for the sidecar itself; undefined for a socket, where any value is accepted. */
  ownHosts: ReadonlySet<string> | undefined
}

export interface SidecarRequest {
  method: string
  /** As received, without normalization. */
  rawTarget: string
  headers: IncomingHttpHeaders
  /** All values of `Host`: Node exposes only the first one in `headers`. */
  hosts: readonly string[]
}

/** The request that a program wants to send. */
export interface SidecarTarget {
  url: URL
  /** `path`: the program requests `/https://api.example/orders`; `proxy`: it uses the sidecar as an HTTP proxy. */
  form: 'path' | 'proxy'
}

/** Why a request is refused. */
export interface SidecarRefusal {
  status: number
  error: 'secret_required' | 'web_page' | 'host_not_allowed' | 'request_malformed'
  problem: string
}

/**
 * Returns the request that a local program wants to send, or why it is refused. Web pages in a local browser could also send requests to
 * this port, so requests from browsers are refused (attacks L10), as are requests to hosts that are not allowed (attacks L11).
 */
export function checkRequest(
  { method, rawTarget, headers, hosts }: SidecarRequest,
  rules: SidecarRules,
): SidecarTarget | SidecarRefusal {
  if (fromPages.some((name) => headers[name] !== undefined))
    return { status: 403, error: 'web_page', problem: 'Only programs may call the sidecar, not web pages.' }
  if (hosts.length > 1)
    return { status: 400, error: 'request_malformed', problem: 'The request has more than one Host header.' }
  const form = rawTarget.startsWith('/') ? 'path' : 'proxy'
  if (form === 'path' && rules.ownHosts?.has(headers.host ?? '') === false)
    return { status: 403, error: 'web_page', problem: `The Host header must be ${[...rules.ownHosts].join(' or ')}.` }
  if (rules.secret !== undefined && !knowsSecret(headers, rules.secret))
    return { status: form === 'proxy' ? 407 : 401, error: 'secret_required', problem: secretNeeded }
  if (notSent.has(method))
    return { status: 405, error: 'request_malformed', problem: `The method ${method} is not supported.` }
  const url = form === 'path' ? urlInPath(rawTarget) : urlOfProxy(rawTarget)
  if (url === undefined || `${url.username}${url.password}` !== '')
    return { status: 400, error: 'request_malformed', problem: forms }
  if (form === 'proxy' && headers.host !== undefined && headers.host.toLowerCase() !== hostOf(rawTarget))
    return { status: 400, error: 'request_malformed', problem: 'The Host header does not match the host in the URL.' }
  if (!rules.hosts.has(url.host)) {
    const problem = `${url.host} is not allowed: start the sidecar with --allow-host ${url.host}`
    return { status: 403, error: 'host_not_allowed', problem }
  }
  return { url, form }
}

/**
 * Headers that browsers send but programs do not; `Origin` is sent with every WebSocket. Node's fetch sends `Sec-Fetch-Mode`, so that
 * header is not listed.
 */
const fromPages = ['origin', 'sec-fetch-site', 'sec-fetch-dest'] as const

/** Methods that the platform's fetch does not send (Fetch §2.2.1). */
const notSent: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

const forms =
  'Request /https://api.example/path here, without a username or password, or use this address as an HTTP proxy for http://api.example/path; the request is then sent over https.'

const secretNeeded =
  'The secret is required, as the password in the URL: http://x:SECRET@127.0.0.1:PORT/https://api.example/path, or in the proxy URL.'

/** Whether a request has the secret, in Proxy-Authorization or in Authorization. */
export function knowsSecret(headers: IncomingHttpHeaders, secret: string): boolean {
  return [headers['proxy-authorization'], headers.authorization].some((value) => isSecretIn(value, secret))
}

/** Whether a value is a `Basic` credential with the secret as its password. */
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

/** Parses the URL in a path. Some clients collapse the URL's two slashes into one. */
function urlInPath(target: string): URL | undefined {
  const [, scheme, rest] = /^\/(https?):\/{1,2}([^/].*)$/i.exec(target) ?? []
  if (scheme === undefined) return undefined
  const url = parse(`${scheme}://${rest}`)
  return url?.protocol === 'https:' || (url && isLoopback(url)) ? url : undefined
}

/** Parses a proxy request's target. A plain http URL is requested over https. */
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
