import type { NonceClaim } from 'countersign/wire'

/**
 * What a verb does for an agent that signed its request. Where that has a nonce, the verb claims it with all else that it
 * does: both last, or neither happened. One that was claimed before is rejected with `StorageError` `nonce_used`, and one
 * too many with `too_many_nonces`; nothing is done then. What the verb refuses has claimed its nonce, too.
 */
export interface OfSignedRequest {
  nonce?: NonceClaim | undefined
}
