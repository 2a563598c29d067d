import type { ReceivedMessage } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'

/** What a handler is about to receive, which may differ from what was sent. */
export interface HandledRequest {
  method: string
  /** Path and query. */
  target: string
  /** The path prefix that a router removed; empty if no prefix was removed. */
  mountPath: string
}

/**
 * Throws if the handler would receive a method, query or path other than the one that was verified. A mount path that a router removed does
 * not count as a difference.
 *
 * @throws AAuthError `request_changed`
 */
export function requireUnchanged(
  { method, rawTarget }: Pick<ReceivedMessage, 'method' | 'rawTarget'>,
  handled: HandledRequest,
): void {
  if (handled.method !== method) throw requestChanged('method')
  const [path, query] = splitTarget(rawTarget)
  const [handledPath, handledQuery] = splitTarget(handled.target)
  if (handledQuery !== query) throw requestChanged('query')
  if (!isBelow(path, handledPath, handled.mountPath)) throw requestChanged('path')
}

/** The error for a request that earlier middleware changed. The client cannot fix it. */
export function requestChanged(part: 'method' | 'path' | 'query' | 'body'): AAuthError {
  return new AAuthError(
    'request_changed',
    `The handler would receive a different ${part} than the one that was signed, because something on this server changed it. Do not change signed requests: do not override the method or rewrite the URL. If a router removes a path prefix, pass the prefix to aauth as mountPath.`,
  )
}

/** Path and query; the query includes its `?`, if present. */
function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark)]
}

function isBelow(path: string, handled: string, mountPath: string): boolean {
  if (path === mountPath + handled) return true
  // Within its mount path, a router shows its own root as `/`, regardless of whether the sent path had a trailing slash.
  return mountPath !== '' && path === mountPath && (handled === '/' || handled === '')
}
