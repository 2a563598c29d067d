import type { Found } from '../discovery/fetch-document.js'
import { AgentError } from '../lib/agent-error.js'
import { pause } from '../lib/clock.js'
import { parseJsonObject } from '../lib/encodings.js'
import { causeMessages } from '../lib/error-reasons.js'
import { AAuthError } from '../lib/errors.js'
import type { VerificationKey } from '../lib/jwk.js'
import { readStream } from '../lib/read-stream.js'

/** @throws AgentError `auth_server_unreachable` if a failure shows that the auth server does not respond */
export function requireResponse(authServer: string, failure: unknown): void {
  const why = noResponse.exec(causeMessages(failure).join())
  if (why)
    throw new AgentError(
      'auth_server_unreachable',
      `The auth server ${authServer} does not respond (${why[0]}). Try again later.`,
      { cause: failure },
    )
}

/**
 * Returns the key of a token that the auth server issued.
 *
 * @throws AgentError `auth_server_unreachable`, or `auth_token_refused` if the auth server does not publish the key
 */
export function requireTokenKey(authServer: string, outcome: Found<VerificationKey>): VerificationKey {
  if ('found' in outcome) return outcome.found
  const { failure: cause } = outcome
  requireResponse(authServer, cause)
  throw new AgentError('auth_token_refused', 'The key that signed the token was not found.', { cause })
}

/** The errors that Node and the guarded fetch report if a host does not respond. */
const noResponse = /ECONN\w+|ENOTFOUND|EAI_AGAIN|E\w+UNREACH|ETIMEDOUT|Connect Timeout|no response within \d+ ms/

/** The retry delay that an overloaded server specifies, in seconds: from 1 second to one day. */
export function retryAfterOf({ status, headers }: Response): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const value = headers.get('retry-after') ?? ''
  return /^\d+$/.test(value) ? Math.min(Math.max(Number(value), 1), 86_400) : defaultRetryAfter
}

/** Delay before the next request to an overloaded server that does not send `Retry-After`, in seconds. */
const defaultRetryAfter = 60

/** Maximum number of attempts to send one request. */
const attempts = 3

/**
 * Retries a request that was lost on the network, with backoff. `send` signs each attempt with a new nonce.
 *
 * @param mayHaveArrived whether to also retry a request that may have arrived, with only its response lost
 */
export async function sendWithRetries(
  send: () => Promise<Response>,
  { mayHaveArrived, signal }: { mayHaveArrived: boolean; signal: AbortSignal },
): Promise<Response> {
  for (let left = attempts - 1; ; left -= 1) {
    try {
      return await send()
    } catch (error) {
      const isNetwork = error instanceof TypeError && error.cause !== undefined
      if (left === 0 || signal.aborted || !isNetwork || !(mayHaveArrived || wasRefused(error))) throw error
      await pause((attempts - left) * (100 + Math.random() * 200), signal)
    }
  }
}

/** Whether the connection was never established, which means that nothing was sent. */
function wasRefused(error: unknown): boolean {
  return causeMessages(error).some((reason) => /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(reason))
}

/** Maximum size of an auth server's response, in bytes. */
const maxResponse = 65_536

/** The JSON object in an auth server's response; undefined for anything else. @throws AgentError if the response is too large */
export async function readBody(response: Response): Promise<Record<string, unknown> | undefined> {
  if (response.body === null) return undefined
  try {
    return parseJsonObject(new TextDecoder().decode(await readStream(response.body, maxResponse)))
  } catch (cause) {
    if (!(cause instanceof AAuthError) || cause.code !== 'body_too_large') throw cause
    throw new AgentError('token_request_failed', `The auth server’s response is larger than ${maxResponse} bytes.`, {
      cause,
    })
  }
}
