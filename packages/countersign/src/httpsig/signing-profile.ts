import { AAuthError } from '../lib/errors.js'

/** How an edition signs requests (RFC 9421): what is covered, for how long it counts, and how the key is named. */
export interface SigningForm {
  /** Components every signature covers; conditional ones iff their condition holds; in the order they are emitted. */
  readonly components: readonly { name: string; when: 'always' | 'query' | 'body' | 'nonce' }[]
  /** Seconds that `created` may differ from the receiver's clock, either way. */
  readonly window: number
  /** Bytes of entropy that a nonce has at least; undefined where the edition has none. */
  readonly nonceBytes: number | undefined
  /** The label that is emitted; any is accepted. */
  readonly label: string
  /**
   * Writes a `Signature-Key`.
   *
   * @throws TypeError for a value that the form cannot carry
   */
  readonly serializeKey: (label: string, key: KeyReference) => string
}

/** How an edition signs and verifies requests. */
export interface SigningProfile extends SigningForm {
  /**
   * Reads a `Signature-Key`.
   *
   * @throws AAuthError `signature_malformed`; `key_invalid` when a header key shows its private part
   */
  readonly parseKey: (text: string) => ParsedKeyReference
}

/** What a request with these parts must cover, in the order it is emitted. */
export function coverageOf(
  profile: SigningForm,
  present: Readonly<Record<'query' | 'body' | 'nonce', boolean>>,
): string[] {
  const components: string[] = []
  for (const { name, when } of profile.components) if (when === 'always' || present[when]) components.push(name)
  return components
}

/** How a signature says where its key is. One parsed object feeds verification, identity and logs. */
export type KeyReference =
  | { readonly scheme: 'hwk'; readonly jwk: Readonly<Record<string, string>> }
  | { readonly scheme: 'jwks'; readonly id: string; readonly kid: string; readonly wellKnown?: string }
  | { readonly scheme: 'jwks'; readonly jwksUri: string; readonly kid: string }
  | { readonly scheme: 'jwt'; readonly jwt: string }
  | { readonly scheme: 'x509'; readonly x5u: string; readonly x5t: string }

export interface ParsedKeyReference {
  label: string
  key: KeyReference
}

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
