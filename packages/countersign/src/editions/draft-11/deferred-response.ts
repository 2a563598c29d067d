import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { plainLine } from '../../lib/plain-line.js'
import { type IdentifierOptions, isFetchableUrl } from '../../protocol/documents.js'
import { readBody, retryAfterOf } from '../auth-server-requests.js'
import { parseRequirement, type Requirement, requirementHeader } from './requirement.js'

/** A response that a server has deferred (draft -11 §11.6). */
export interface Deferral {
  /** The URL to poll. */
  location: string
  /** Seconds until the next poll; undefined if the server leaves it to the agent. */
  retryAfter: number | undefined
  requirement: Requirement | undefined
}

/** How long a server is asked to hold a poll, in seconds. */
export const longestHold = 20

/** Seconds between polls, if the server does not specify them. */
const defaultInterval = 5

/** Seconds that every “too fast” adds between polls, for the rest of the wait. */
export const slowDown = 5

/** The shortest pause between polls, in seconds: some servers respond at once, whatever the agent prefers. */
const shortestPause = 0.1

/**
 * Reads a 202.
 *
 * @param from the URL of the request
 * @throws AgentError `endpoint_refused` for a `Location` on another origin, where another party would decide what the response is
 */
export function readDeferral({ headers }: Response, from: string): Deferral {
  const { origin, host } = new URL(from)
  const given = headers.get('location')
  if (given === null || !URL.canParse(given, from))
    throw new AgentError('token_request_failed', `${host} deferred its response without a valid Location.`)
  const location = new URL(given, from)
  if (location.origin !== origin || location.username !== '' || location.password !== '') {
    const other = plainLine(location.origin, 100)
    throw new AgentError('endpoint_refused', `${host} deferred its response to another origin, ${other}.`)
  }
  location.hash = ''
  const requirement = parseRequirement(headers.get(requirementHeader))
  return { location: location.href, retryAfter: secondsIn(headers), requirement }
}

/** Creates a poll of a deferred response, which the server is asked to hold for some seconds. */
export function createPoll(location: string, hold: number): Request {
  return new Request(location, { headers: hold > 0 ? { prefer: `wait=${hold}` } : {}, redirect: 'manual' })
}

/** Milliseconds until the next poll. */
export function pauseAfter({ status, headers }: Response, delay: number): number {
  const said = secondsIn(headers) ?? defaultInterval
  const pause = status === 202 ? said + delay : Math.max(said, defaultInterval + delay)
  return Math.max(pause, shortestPause) * 1000
}

function secondsIn(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? ''
  return /^\d{1,4}$/.test(value) ? Number(value) : undefined
}

/** The page on which a user decides, and the code that it shows. Both are empty if no page is needed. */
export interface InteractionPage {
  url: string
  code: string
}

/**
 * Returns the page on which a user decides. Its URL contains the code that links it to the request, and the URL to which the browser
 * returns.
 *
 * @throws AgentError `endpoint_refused` for a page to which users must not be sent
 */
export function interactionPage(
  requirement: Requirement | undefined,
  callback: string | undefined,
  identifiers: IdentifierOptions,
): InteractionPage {
  if (requirement?.requirement !== 'interaction') return { url: '', code: '' }
  const { url, code } = requirement
  const isPage = isFetchableUrl(url, { allowInsecureLoopback: identifiers.allowInsecureLoopback }) && !url.includes('?')
  if (!isPage) {
    const why = 'it must be an https URL without a query'
    throw new AgentError('endpoint_refused', `The consent page was rejected: ${why}.`)
  }
  const page = new URL(url)
  page.searchParams.set('code', code)
  if (callback !== undefined) page.searchParams.set('callback', callback)
  return { url: page.href, code: plainLine(code, 40) }
}

/** Whether a response ends the wait. 429 and 503 only delay it. */
export function isFinal({ status }: Response): boolean {
  return ![202, 429, 503].includes(status)
}

/** How a decision without a token is reported. All other errors are failures of the request. */
const endings: Readonly<Record<string, AgentErrorCode>> = {
  denied: 'access_denied',
  abandoned: 'access_denied',
  revoked: 'access_denied',
  expired: 'consent_expired',
  invalid_code: 'consent_expired',
}

/** The error in a response that contains no token. */
export async function failureIn(response: Response, host: string): Promise<AgentError> {
  const body = await readBody(response)
  const { status } = response
  const error = typeof body?.error === 'string' ? body.error : undefined
  const detail = typeof body?.detail === 'string' ? plainLine(body.detail, 200) : ''
  const code = endings[error ?? ''] ?? (status === 408 || status === 410 ? 'consent_expired' : 'token_request_failed')
  const why = detail === '' ? '.' : `: ${detail}`
  if (code === 'access_denied')
    return new AgentError(code, `Access was denied${detail === '' ? ` by ${host}, without a reason.` : why}`, { error })
  if (code === 'consent_expired')
    return new AgentError(code, `${host} no longer waits for the decision${why}`, { error: error ?? `${status}` })
  const said = [status, error && plainLine(error, 60)].filter(Boolean).join(' ')
  return new AgentError('token_request_failed', `${host} responded with ${said}${why}`, {
    error,
    retryAfter: retryAfterOf(response),
  })
}
