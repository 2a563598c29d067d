import { fieldValues } from 'countersign/wire'
import type { RequestHead } from '../routes/judge-request.js'
import type { RouteTable } from '../routes/route-table.js'

/** Web pages that may ask the API from a browser. */
export interface CorsOptions {
  /** Origins of the pages, such as `https://app.example`; `*`: any. */
  origins: '*' | readonly string[]
  /** Seconds that browsers remember it. @default 600 */
  maxAge?: number | undefined
}

/** What a page of another origin may read, beside what browsers show anyway. */
const exposed = 'Agent-Auth, Signature-Error, Retry-After'

const allowOrigin = 'Access-Control-Allow-Origin'

/** A preflight: a browser asks whether it may ask. It is never signed. */
export function isPreflight({ method, rawHeaders }: RequestHead): boolean {
  const has = (name: string) => fieldValues({ rawHeaders }, name).length === 1
  return method === 'OPTIONS' && has('origin') && has('access-control-request-method')
}

/** The headers of an answer for a page; none that allow anything where its origin is not listed. */
export function corsHeaders(rawHeaders: readonly string[], { origins }: CorsOptions): [string, string][] {
  const [origin, another] = fieldValues({ rawHeaders }, 'origin')
  // Who is not listed must not get what a cache keeps for who is.
  const vary: [string, string][] = origins === '*' ? [] : [['Vary', 'Origin']]
  if (origin === undefined || another !== undefined || !(origins === '*' || origins.includes(origin))) return vary
  const allowed: [string, string] = [allowOrigin, origins === '*' ? '*' : origin]
  return [...vary, allowed, ['Access-Control-Expose-Headers', exposed]]
}

/** The headers that answer a preflight. @param path its segments, which everybody reads in one way */
export function preflightHeaders(
  { rawHeaders }: RequestHead,
  path: readonly string[],
  table: RouteTable,
  cors: CorsOptions,
): [string, string][] {
  const [wanted = ''] = fieldValues({ rawHeaders }, 'access-control-request-method')
  const [asked = ''] = fieldValues({ rawHeaders }, 'access-control-request-headers')
  const allowed = corsHeaders(rawHeaders, cors)
  const isListed = allowed.some(([name]) => name === allowOrigin)
  if (!isListed || !table.find(wanted, path)) return []
  const fields = /^[\w-]+(?: ?, ?[\w-]+)*$/.test(asked)
    ? [['Access-Control-Allow-Headers', asked] as [string, string]]
    : []
  return [
    ...allowed,
    ['Access-Control-Allow-Methods', wanted],
    ...fields,
    ['Access-Control-Max-Age', String(cors.maxAge ?? 600)],
  ]
}
