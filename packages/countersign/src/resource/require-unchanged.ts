import type { ReceivedMessage } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'

/** What a handler is about to get, where that may differ from what was sent. */
export interface HandledRequest {
  method: string
  /** Path and query. */
  target: string
  /** What a router took off the path; empty where none did. */
  mountPath: string
}

/**
 * Throws if the handler would get another method, query or path than was verified. The mount path that a router
 * took off is no difference.
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

/** What a program in front of us did to a request; the client can do nothing about it. */
export function requestChanged(part: 'method' | 'path' | 'query' | 'body'): AAuthError {
  return new AAuthError(
    'request_changed',
    `The handler would get another ${part} than the one that was signed, since something changed it on this server. Leave signed requests as they were sent: no method override, no rewriting. What a router takes off the path is told to aauth as mountPath.`,
  )
}

/** Path and query, the query with its `?` where there is one. */
function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark)]
}

function isBelow(path: string, handled: string, mountPath: string): boolean {
  if (path === mountPath + handled) return true
  // Below its mount path, a router shows its own root as `/`, with or without a slash at the end of what was sent.
  return mountPath !== '' && path === mountPath && (handled === '/' || handled === '')
}
