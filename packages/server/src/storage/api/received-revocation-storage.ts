import type { OfSignedRequest } from './request-storage.js'

/** Revocations of other issuers' tokens, as reported by their issuers. */
export interface ReceivedRevocationStorage {
  /**
   * Records that an issuer revoked one of its tokens, whether or not the token was ever presented. Returns false, and records nothing, if
   * too many of the issuer's revocations are recorded. Recording one again changes nothing.
   */
  recordRevocation(revocation: ReceivedRevocation): Promise<boolean>
  /** Whether an issuer revoked one of its tokens. */
  isRevoked(token: IssuedElsewhere): Promise<boolean>
}

/** A token of another issuer. */
export interface IssuedElsewhere {
  issuer: string
  jti: string
}

export interface ReceivedRevocation extends OfSignedRequest, IssuedElsewhere {
  /** When the token expires. The revocation is kept a little longer, because clocks differ. */
  expiresAt: number
  /** Maximum number of recorded revocations of the issuer. */
  most: number
}
