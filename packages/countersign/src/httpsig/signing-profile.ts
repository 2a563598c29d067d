import { AAuthError } from '../lib/errors.js'

/** How an edition signs requests (RFC 9421): the covered components, the validity period, and the reference to the key. */
export interface SigningForm {
  /**
   * Components that every signature covers, in the order in which they are emitted. Conditional components are covered if and only if their
   * condition holds.
   */
  readonly components: readonly { name: string; when: 'always' | 'query' | 'body' | 'nonce' }[]
  /** Maximum difference, in either direction, between `created` and the receiver's clock, in seconds. */
  readonly window: number
  /** Minimum entropy of a nonce, in bytes. Undefined if the edition has no nonces. */
  readonly nonceBytes: number | undefined
  /** The label to emit. Receivers accept any label. */
  readonly label: string
  /** Creates further signature parameters, such as `;nonce="…"` (RFC 9421 §2.3). @default none */
  readonly createParameters?: () => string
  /**
   * Serializes a `Signature-Key`.
   *
   * @throws TypeError for a value that the form cannot represent
   */
  readonly serializeKey: (label: string, key: KeyReference) => string
}

/** How an edition signs and verifies requests. */
export interface SigningProfile extends SigningForm {
  /**
   * Parses a `Signature-Key`.
   *
   * @throws AAuthError `signature_malformed`; `key_invalid` if a header key contains its private part
   */
  readonly parseKey: (text: string) => ParsedKeyReference
  /**
   * Chooses the signature to verify, in editions whose requests may have several. Receives the values of the fields, and returns the members
   * of that signature. @default the request must have only one
   *
   * @throws AAuthError if there is none that can be verified
   */
  readonly chooseSignature?: (fields: Readonly<Record<SignatureField, string>>) => ChosenSignature
  /** Whether the nonce is the parameter of the signature (RFC 9421 §2.3). @default it is the `Nonce` field */
  readonly hasNonceParameter?: boolean
  /**
   * Whether a signature may cover components that it need not cover. A refusal then names every component that the request must cover, not
   * only the missing ones. @default a conditional component is covered if and only if its condition holds
   */
  readonly mayCoverMore?: boolean
  /**
   * Whether a `Signature-Key` has a member of this edition's form, even if it is malformed. @default none has, if a resource serves several
   * editions
   */
  readonly recognizes?: (text: string) => boolean
  /** The edition's name for a `created` that is too far ahead of the receiver's clock. @default it has none */
  readonly aheadError?: string
}

/** The fields that make up a signature. */
export type SignatureField = 'signature' | 'signature-input' | 'signature-key'

/** The members of one signature: the value of `Signature-Input` and `Signature` with the label, and the parsed key. */
export interface ChosenSignature {
  input: string
  signature: string
  parsedKey: ParsedKeyReference
}

/** The components to cover in a request with these parts, in the order in which they are emitted. */
export function coverageOf(
  profile: SigningForm,
  present: Readonly<Record<'query' | 'body' | 'nonce', boolean>>,
): string[] {
  const components: string[] = []
  for (const { name, when } of profile.components) if (when === 'always' || present[when]) components.push(name)
  return components
}

/** How a signature refers to its key. Verification, identity and logs all use the same parsed object. */
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

/** A request target, split into its signed components (RFC 9421 §2.2.6 and §2.2.7). */
export interface Target {
  path: string
  /** The query, including its `?`; undefined if the target has no query. */
  query: string | undefined
}

/**
 * Splits a raw request target. Rejects it if URL parsing would change it, because a router and the signature could otherwise disagree about
 * the path (attacks S27 and S28, RFC 9421 §7.5.5).
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
      'The request target is not a plain path (and query): send it as a URL parser would normalize it, without dot segments.',
    )
  }
  return { path, query: mark === -1 ? undefined : rawTarget.slice(mark) }
}

/** A host in lower case, without the default port. Some clients include the default port, or a colon without a port (RFC 9421 §2.2.3). */
export function plainHost(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)?$/, '')
}
