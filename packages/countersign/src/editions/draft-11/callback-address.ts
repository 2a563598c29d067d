import { isLoopbackIdentifier } from '../../protocol/documents.js'
import type { AgentDocument } from './documents.js'

/**
 * Where the browser returns after a decision, if the link names a place that the agent's provider publishes, or one on loopback if the
 * provider allows that (draft -11 §13.2). Undefined for anything else.
 */
export function callbackAddress(
  given: string | null | undefined,
  { callback_endpoint: callback, localhost_callback_allowed: loopback }: Partial<AgentDocument>,
): string | undefined {
  if (typeof given !== 'string' || !URL.canParse(given)) return undefined
  const url = new URL(given)
  const isPlain =
    given === url.href && url.hash === '' && !given.includes('#') && url.username === '' && url.password === ''
  if (!isPlain) return undefined
  if (callback !== undefined && placeOf(url) === placeOf(new URL(callback))) return given
  const isLoopback = url.protocol === 'http:' && isLoopbackIdentifier(url.origin) && url.hostname !== '[::1]'
  return loopback && isLoopback ? given : undefined
}

/** The callback with an error. The rest of its query is the agent's state, which the agent gets back unchanged. */
export function failedCallback(callback: string, error: string): string {
  const [place = '', ...query] = callback.split('?')
  const pairs = query.length === 0 ? [] : query.join('?').split('&')
  const kept = pairs.filter((pair) => !new URLSearchParams(pair).has('error'))
  return `${place}?${[...kept, `error=${error}`].join('&')}`
}

/** Everything except the query, which the agent may use for its own state. */
function placeOf({ origin, pathname }: URL): string {
  return origin + pathname
}
