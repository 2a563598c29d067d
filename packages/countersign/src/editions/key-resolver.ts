import type { Discovery } from '../discovery/discovery.js'
import type { CertificateFinder } from '../discovery/found-certificate.js'
import type { KeyReference } from '../httpsig/signing-profile.js'
import type { VerificationKey } from '../lib/jwk.js'
import type { DocumentType } from '../protocol/document-type.js'
import type { IdentifierOptions } from '../protocol/identifier.js'
import type { VerifiedToken } from '../tokens/verify-token.js'
import type { Authorization, Requirement } from './verified-request.js'

/** The key of a signature, and who it speaks for. */
export interface ResolvedKey {
  readonly key: VerificationKey
  readonly scheme: KeyReference['scheme']
  /** The agent's identifier; undefined when only a key was proven, or the edition's tokens name none. */
  readonly agent: string | undefined
  /** The delegate, where a token names one. */
  readonly delegate: string | undefined
  /** The token that the key came in, verified. */
  readonly token: VerifiedToken | undefined
  /** There where that token is an auth token. */
  readonly authorization: Authorization | undefined
  /** The document that led to the key, or to the key of the token; undefined where none did. */
  readonly publisher: DocumentType | undefined
  /** The key was found for this very request, so that no newer one is looked for. */
  readonly isNew?: true
}

export interface KeyResolverOptions extends IdentifierOptions {
  discovery: Discovery
  /** Whose requests these are to: not all references count at both, nor mean the same (W11). */
  role: 'resource' | 'authServer'
  /** Own identifier: the audience of tokens. */
  audience: string
  now: () => number
  /** Issuers of auth tokens that are accepted. */
  authTokenIssuers: readonly string[]
  /** Accepts `scheme=x509`. Absent: no roots are configured, and nothing is fetched. */
  certificates?: CertificateFinder | undefined
}

/** Finds the keys that `Signature-Key` points to. */
export interface KeyResolver {
  /**
   * The key, with the token it rides in verified. Whether that is enough for the request, the caller judges.
   *
   * @param remoteAddress where the request came from: what one source can make us fetch is limited
   * @param due what the request must prove: a text that is no token is refused as one for this
   * @throws AAuthError
   */
  resolve(reference: KeyReference, remoteAddress?: string, due?: Requirement): Promise<ResolvedKey>
  /**
   * Another key behind the reference, where the signature is not by the one that was found: an agent that made a new key
   * may publish it under the name of the old one, as those do that make one whenever they start.
   */
  renew(reference: KeyReference, resolved: ResolvedKey, remoteAddress?: string): Promise<ResolvedKey | undefined>
}
