import type { AgentToken } from './agent-storage.js'
import type { OfSignedRequest } from './request-storage.js'

/** Revocations of other issuers' tokens, as reported by their issuers. */
export interface ReceivedRevocationStorage {
  /**
   * Records that an issuer revoked one of its tokens, whether or not the token was ever presented, and ends what depends on it in the same
   * transaction: requests that depend on the token end without a token, even if a user has allowed them. If an agent authenticated with the
   * token, all tracked tokens of that agent are revoked, whichever token it got them with, and their resources notified. Its grants and
   * its binding stay. Returns false, and changes nothing, if too many of the issuer's revocations are recorded. Recording one again only makes failed
   * deliveries due again.
   */
  recordRevocation(revocation: ReceivedRevocation): Promise<boolean>
  /**
   * Records that an agent polls a request with a token, on which the request then depends, too.
   *
   * @throws StorageError `token_revoked`
   */
  recordPoll(poll: RecordedPoll): Promise<void>
  /** Whether an issuer revoked one of its tokens. */
  isRevoked(token: IssuedElsewhere): Promise<boolean>
}

/** A poll by the agent of a request. */
export interface RecordedPoll {
  pollHash: string
  agent: string
  delegate: string | null
  agentToken: AgentToken
}

/** A token of another issuer. */
export interface IssuedElsewhere {
  issuer: string
  jti: string
}

export interface ReceivedRevocation extends OfSignedRequest, IssuedElsewhere {
  /** The name of the edition whose requests and tokens end. */
  edition: string
  /** When the token expires. The revocation is kept a little longer, because clocks differ. */
  expiresAt: number
  /** Maximum number of recorded revocations of the issuer. */
  most: number
}
