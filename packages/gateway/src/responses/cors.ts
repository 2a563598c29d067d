import type { Resource } from 'countersign/resource'
import { fieldValues } from 'countersign/signatures'
import { plainName } from '../headers.js'
import type { RequestHead } from '../routes/require-plain-fields.js'

/** Web origins whose scripts may call the API. */
export interface CorsOptions {
  /** Origins such as `https://app.example`, or `*` for any origin. */
  origins: '*' | readonly string[]
  /** How long browsers cache a preflight response, in seconds. @default 600 */
  maxAge?: number | undefined
}

/** The options, and the response headers of the resource's edition. */
export type PageAccess = CorsOptions & Pick<Resource, 'responseHeaders'>

/** Response headers that pages from other origins may read (`Date`, because their clocks may be wrong), in addition to those of the edition and those that browsers always expose. */
const exposed = ['Date', 'Retry-After', 'Allow', 'WWW-Authenticate', 'Mcp-Session-Id']

const allowOrigin = 'Access-Control-Allow-Origin'

/** The CORS headers of a response, as names and values. */
export type PageHeaders = readonly (readonly [string, string])[]

/** Whether a request is a preflight. It is never signed. */
export function isPreflight({ method, rawHeaders }: RequestHead): boolean {
  const has = (name: string) => fieldValues({ rawHeaders }, name).length === 1
  return method === 'OPTIONS' && has('origin') && has('access-control-request-method')
}

/**
 * The CORS headers for a page from an origin. They allow nothing if the origin is not listed. If any origin is allowed, all responses have
 * them, because a cache may serve the response to a request without `Origin` to a page.
 */
export function corsHeaders(rawHeaders: readonly string[], { origins, responseHeaders }: PageAccess): PageHeaders {
  const [origin, another] = fieldValues({ rawHeaders }, 'origin')
  const allowed = (value: string): PageHeaders => [
    [allowOrigin, value],
    ['Access-Control-Expose-Headers', [...responseHeaders, ...exposed].join(', ')],
  ]
  if (origins === '*') return allowed('*')
  // A cache must not serve the response for a listed origin to a page from another origin.
  const vary: PageHeaders = [['Vary', 'Origin']]
  if (origin === undefined || another !== undefined || !origins.includes(origin)) return vary
  return [...vary, ...allowed(origin)]
}

/** The CORS headers of a preflight response. @param allows whether any route lists a method */
export function preflightHeaders(
  { rawHeaders }: RequestHead,
  allows: (method: string) => boolean,
  cors: PageAccess,
): PageHeaders {
  const [wanted = ''] = fieldValues({ rawHeaders }, 'access-control-request-method')
  const [asked = ''] = fieldValues({ rawHeaders }, 'access-control-request-headers')
  const allowed = corsHeaders(rawHeaders, cors)
  const isListed = allowed.some(([name]) => name === allowOrigin)
  if (!isListed || !allows(wanted)) return []
  const fields: PageHeaders = /^[\w-]+(?: ?, ?[\w-]+)*$/.test(asked) ? [['Access-Control-Allow-Headers', asked]] : []
  return [
    ...allowed,
    ['Access-Control-Allow-Methods', wanted],
    ...fields,
    ['Access-Control-Max-Age', String(cors.maxAge ?? 600)],
  ]
}

/** Replaces the CORS headers of a response. */
export function showToPages(headers: Headers, ours: PageHeaders): void {
  const dropped = [...headers.keys()].filter((name) => isForPages(name, ours))
  for (const name of dropped) headers.delete(name)
  for (const [name, value] of ours) headers.append(name, value)
}

/**
 * The upstream's headers, combined with the gateway's CORS headers. The upstream's own CORS headers are dropped, because the upstream does
 * not know which origins are listed.
 */
export function withPageHeaders(headers: readonly string[], ours: PageHeaders): readonly string[] {
  const others = headers.flatMap((name, at) =>
    at % 2 === 1 || isForPages(name, ours) ? [] : [name, headers[at + 1] as string],
  )
  return [...others, ...ours.flat()]
}

/** Whether an upstream header is a CORS header that the gateway sets. For a listed origin, the upstream may expose more headers. */
function isForPages(name: string, ours: PageHeaders): boolean {
  if (!plainName(name).startsWith('access-control-')) return false
  const isListed = ours.some(([own]) => own === allowOrigin)
  return !(isListed && name.toLowerCase() === 'access-control-expose-headers')
}

/** Parses a URL. `URL.canParse` of Node 20 does not accept letters such as ü anymore once its caller has been optimized. */
function urlIn(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** Returns what is wrong with a configured origin, which must have the form that browsers send. */
export function originProblem(origin: unknown): string | undefined {
  if (typeof origin !== 'string') return 'must be an origin: https://app.example'
  if (origin.includes('*')) return 'must be one origin, without *: list each origin, or use "*" instead of the list'
  const url = urlIn(origin)
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be an origin: https://app.example'
  return url.origin === origin ? undefined : `must be in the form that browsers send: ${url.origin}`
}
