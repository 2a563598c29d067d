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
