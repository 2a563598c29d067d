import { AAuthError } from '../lib/errors.js'

const maxLength = 8192
const plainTarget = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]|]*(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@/%?[\]|^`{}\\]*)?$/
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i

/** A request target, taken apart as signed: RFC 9421 §2.2.6 and §2.2.7. */
export interface Target {
  path: string
  /** With its `?`; undefined when the target has none. */
  query: string | undefined
}

/**
 * Takes a raw request target apart, or refuses it when URL parsing would change it: then a router and the signature
 * could mean different paths (attacks S27 and S28, RFC 9421 §7.5.5).
 *
 * @throws AAuthError `target_ambiguous`
 */
export function requireTarget(rawTarget: string): Target {
  if (rawTarget.length > maxLength)
    throw new AAuthError('target_ambiguous', `The request target is longer than ${maxLength} characters.`)
  const mark = rawTarget.indexOf('?')
  const path = mark === -1 ? rawTarget : rawTarget.slice(0, mark)
  if (!plainTarget.test(rawTarget) || dotSegment.test(path)) {
    throw new AAuthError(
      'target_ambiguous',
      'The request target is not a plain path (and query): send it as a URL parser would, without dot segments.',
    )
  }
  return { path, query: mark === -1 ? undefined : rawTarget.slice(mark) }
}

/** A host in lower case, without the default port: some clients write it out, or a colon without one (RFC 9421 §2.2.3). */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)?$/, '')
}
