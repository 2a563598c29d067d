import type { NodeRequest } from '../../httpsig/receive-incoming.js'
import type { Visit } from './visit.js'

/** One request of a browser, as frameworks of Node have it; `own` is the framework's. */
export function nodeVisit<R>(own: R, incoming: NodeRequest, addCookie: (cookie: string) => void): Visit<R> {
  const { method = 'GET', url = '/', originalUrl: target = url, headers } = incoming
  return { request: own, method, target, header: (name) => headers[name]?.toString(), addCookie }
}
