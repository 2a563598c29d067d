import type { AuthRequest, AuthRequestStatus } from './request-storage.js'

/** Pending authorizations whose agents poll for the decision. */
export interface PolledRequestStorage {
  /** Returns the request that an agent polls, whatever its state. */
  findPolledRequest(pollHash: string): Promise<AuthRequest | undefined>
  /** Returns the states of the requests that agents poll, by their hashes. Unknown ones are left out. */
  findPolledStates(pollHashes: readonly string[]): Promise<ReadonlyMap<string, PolledState>>
  /** Records that the agent that polls receives the outcome. Returns true only the first time. */
  markAnswered(pollHash: string): Promise<boolean>
  /**
   * Ends a request for the agent that polls: an open one is abandoned, and the code of an allowed one can no longer be redeemed. The grant
   * stays. Returns true only the first time, and only if the agent has not received the outcome.
   */
  relinquishRequest(of: { pollHash: string }): Promise<boolean>
  /**
   * Counts a link with this handle that leads to no request, and returns how often that happened. The `most`th time ends the request that has
   * the handle. Undefined if no open request has it, or a browser has already opened that request.
   */
  countWrongLink(wrong: { linkHandle: string; most: number }): Promise<number | undefined>
}

/** What can change about a request while its agent waits for the decision. */
export interface PolledState {
  status: AuthRequestStatus
  /** Whether a user has opened the request. */
  isOpened: boolean
}
