import { fieldValues } from 'countersign/wire'
import type { RequestHead } from '../routes/judge-request.js'

/** Web pages that may ask the API from a browser. */
export interface CorsOptions {
  /** Origins of the pages, such as `https://app.example`; `*`: any. */
  origins: '*' | readonly string[]
  /** Seconds that browsers remember it. @default 600 */
  maxAge?: number | undefined
}

/** What a page of another origin may read, beside what browsers show anyway. */
const exposed = 'Agent-Auth, Signature-Error, Retry-After, WWW-Authenticate, Mcp-Session-Id'

const allowOrigin = 'Access-Control-Allow-Origin'

/** What an answer says for pages of other origins, names and values. */
export type PageHeaders = readonly (readonly [string, string])[]

/** A preflight: a browser asks whether it may ask. It is never signed. */
export function isPreflight({ method, rawHeaders }: RequestHead): boolean {
  const has = (name: string) => fieldValues({ rawHeaders }, name).length === 1
  return method === 'OPTIONS' && has('origin') && has('access-control-request-method')
}

/** The headers of an answer for a page; none that allow anything where its origin is not listed. */
export function corsHeaders(rawHeaders: readonly string[], { origins }: CorsOptions): PageHeaders {
  const [origin, another] = fieldValues({ rawHeaders }, 'origin')
  // Who is not listed must not get what a cache keeps for who is.
  const vary: PageHeaders = origins === '*' ? [] : [['Vary', 'Origin']]
  if (origin === undefined || another !== undefined || !(origins === '*' || origins.includes(origin))) return vary
  const allowed = [allowOrigin, origins === '*' ? '*' : origin] as const
  return [...vary, allowed, ['Access-Control-Expose-Headers', exposed]]
}

/** The headers that answer a preflight. @param allows whether a method may be asked with */
export function preflightHeaders(
  { rawHeaders }: RequestHead,
  allows: (method: string) => boolean,
  cors: CorsOptions,
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

/** Has an answer say what pages may read. */
export function showToPages(headers: Headers, pageHeaders: PageHeaders): void {
  for (const [name, value] of pageHeaders)
    if (isShared(name)) headers.append(name, value)
    else headers.set(name, value)
}

/** Headers of the upstream and ours, without those of the upstream that say the same, which would be two answers. */
export function withPageHeaders(headers: readonly string[], ours: PageHeaders): readonly string[] {
  if (ours.length === 0) return headers
  const names = new Set(ours.filter(([name]) => !isShared(name)).map(([name]) => name.toLowerCase()))
  const others = headers.flatMap((name, at) =>
    at % 2 === 1 || names.has(name.toLowerCase()) ? [] : [name, headers[at + 1] ?? ''],
  )
  return [...others, ...ours.flat()]
}

/** Whether it is a list to which both the upstream and the gateway may add. */
function isShared(name: string): boolean {
  return /^(?:vary|access-control-expose-headers)$/i.test(name)
}
