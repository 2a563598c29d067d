import { AAuthError } from 'countersign/resource'
import { fieldValues } from 'countersign/wire'
import { isPlainName } from '../fields/plain-name.js'
import type { RequestHead } from '../routes/judge-request.js'

/** How a proxy says what it asks about (W30). */
export interface Dialect {
  /** The header with the method of the request. */
  method: string
  /** The header with its raw target. */
  target: string
  /** A header that says that the request has a body, if it is there and neither empty nor `0`. */
  body: string
  /** Whether it takes any status, or 401 and 403 only. */
  takesAnyStatus: boolean
}

export const dialects = {
  nginx: { method: 'x-original-method', target: 'x-original-uri', body: 'x-original-body', takesAnyStatus: false },
  caddy: { method: 'x-forwarded-method', target: 'x-forwarded-uri', body: 'x-original-body', takesAnyStatus: true },
} as const satisfies Record<string, Dialect>

export type ProxyName = keyof typeof dialects

/** The request that a subrequest is about. */
export interface AskedRequest extends RequestHead {
  /** Whether the proxy says that it has a body. */
  hasBody: boolean
}

/**
 * Reads what a proxy asks about. A header of it that is there twice is the client's. A name that the API may read as another one is
 * refused, since the proxy passes it on (G04).
 *
 * @throws AAuthError `request_malformed`
 */
export function requireAsked(rawHeaders: readonly string[], dialect: Dialect): AskedRequest {
  const own = new Set<string>([dialect.method, dialect.target, dialect.body])
  const rest: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const plain = name.toLowerCase()
    // The proxy passes it on itself, and the API may read it as another one.
    if (!isPlainName(name)) throw new AAuthError('request_malformed', `${name} is not taken here.`)
    if (!own.has(plain)) rest.push(name, rawHeaders[at + 1] as string)
  }
  const only = (name: string): string => {
    const [value, another] = fieldValues({ rawHeaders }, name)
    if (value === undefined || value === '' || another !== undefined)
      throw new AAuthError('request_malformed', `The proxy must send ${name} once.`)
    return value
  }
  const bodies = fieldValues({ rawHeaders }, dialect.body)
  return {
    method: only(dialect.method),
    rawTarget: only(dialect.target),
    rawHeaders: rest,
    hasBody: bodies.some((value) => value !== '' && value !== '0'),
  }
}
