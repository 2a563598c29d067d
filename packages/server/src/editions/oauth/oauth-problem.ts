import { AAuthError } from 'countersign'

/**
 * Why a client, a redirect URI or a resource is refused. Stable.
 *
 * - `client_unknown`: the id is neither the URL of a client’s document nor registered.
 * - `client_not_fetched`: the document is not cached, and may be fetched only after sign-in.
 * - `client_unreachable`: the document cannot be fetched, and no valid copy is left.
 * - `client_invalid`: the document is not a usable description of this client.
 * - `redirect_mismatch`: the client does not list the redirect URI.
 * - `resource_unknown`: no resource can have this identifier here.
 * - `resource_not_fetched`: the metadata is not cached, and may be fetched only after sign-in.
 * - `resource_unreachable`: the resource’s metadata cannot be fetched.
 * - `resource_invalid`: the metadata describes another resource, or no usable one.
 * - `resource_not_ours`: the resource does not accept tokens of this server.
 * - `too_many_fetches`: retry after `retryAfter` seconds.
 */
export type OAuthProblemCode =
  | 'client_unknown'
  | 'client_not_fetched'
  | 'client_unreachable'
  | 'client_invalid'
  | 'redirect_mismatch'
  | 'resource_unknown'
  | 'resource_not_fetched'
  | 'resource_unreachable'
  | 'resource_invalid'
  | 'resource_not_ours'
  | 'too_many_fetches'

/** The refusal of a client, a redirect URI or a resource. The message is one sentence for the operator’s log; users never see it. */
export class OAuthProblem extends Error {
  readonly code: OAuthProblemCode
  /** With `too_many_fetches`: how long to wait before retrying, in seconds. */
  readonly retryAfter: number | undefined

  constructor(
    code: OAuthProblemCode,
    message: string,
    options: { cause?: unknown; retryAfter?: number | undefined } = {},
  ) {
    super(message, options)
    this.name = 'OAuthProblem'
    this.code = code
    this.retryAfter = options.retryAfter
  }
}

/** Turns a fetch that failed into a refusal after which clients try again. */
export async function orUnavailable<T>(find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error
    const { code, retryAfter } = error
    throw code === 'too_many_fetches'
      ? new AAuthError('too_many_requests', 'Too many documents are being fetched.', { retryAfter })
      : new AAuthError('unavailable', 'A document cannot be fetched right now.', { retryAfter })
  }
}
