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
