import type { IssuedToken } from '../editions/agent-server-edition.js'
import type { MaybePromise } from '../lib/maybe-promise.js'

/** An installation of an agent, as stored. */
export interface StoredDelegate {
  /** The `sub` of its agent tokens. */
  name: string
  /** RFC 7638 thumbprint of its current key. */
  thumbprint: string
  /** Unix seconds. */
  enrolledAt: number
  /** When the last token was issued, in Unix seconds. Undefined if there has been none yet. */
  renewedAt: number | undefined
  /** Unix seconds. Undefined for a delegate that is not revoked. */
  revokedAt: number | undefined
}

/**
 * The result of an enrollment. `name_taken`: the name belongs to another key. `key_taken`: the key belongs to another name. `revoked`: the
 * name was revoked, and no key can be enrolled under it until it is removed.
 */
export type EnrollmentOutcome = 'enrolled' | 'name_taken' | 'key_taken' | 'revoked'

/** A page of a list of delegates. */
export interface DelegatePage {
  /** The name after which the page starts. @default the first name */
  after?: string | undefined
  /** Maximum number of delegates. @default 100 */
  limit?: number | undefined
}

/**
 * Stores the delegates of one agent server. Every operation is atomic: of several concurrent callers, at most one gets a name or a key, and
 * no operation undoes a revocation except `remove`.
 */
export interface DelegateStore {
  /**
   * Enrolls a key under a name. Also returns `enrolled` if the delegate already has this name and this key.
   *
   * @param delegate the name, the key's thumbprint, and the time in Unix seconds
   * @param replace whether the key replaces another key of the same name
   */
  enroll(
    delegate: Pick<StoredDelegate, 'name' | 'thumbprint' | 'enrolledAt'>,
    replace: boolean,
  ): MaybePromise<EnrollmentOutcome>
  /** Returns the delegate whose current key this is, revoked or not. */
  find(thumbprint: string): MaybePromise<StoredDelegate | undefined>
  /** Like `find`. Unless the delegate is revoked, also records the time of a renewal, in Unix seconds. */
  renew(thumbprint: string, at: number): MaybePromise<StoredDelegate | undefined>
  /**
   * Records a token that is about to be issued to a delegate, so that it can be revoked. Recording it again changes nothing. Tokens that have
   * expired by `at`, in Unix seconds, may be dropped.
   */
  recordToken(name: string, token: IssuedToken, at: number): MaybePromise<void>
  /** Lists the tokens that were recorded for a delegate, in any order; may include tokens that have expired. */
  listTokens(name: string): MaybePromise<readonly IssuedToken[]>
  /** Revokes a delegate. Returns true if it exists; a second revocation changes nothing. */
  revoke(name: string, at: number): MaybePromise<boolean>
  /** Removes a delegate and its tokens, so that its name and its key can be enrolled again. Returns true if it existed. */
  remove(name: string): MaybePromise<boolean>
  /** Lists delegates in the order of their names (by UTF-16 code units). */
  list(page?: DelegatePage): MaybePromise<readonly StoredDelegate[]>
}

/** The default number of delegates on a page. */
export const pageLength = 100
