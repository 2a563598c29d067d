import type { NodeRequest } from '../../httpsig/receive-incoming.js'
import { type HeadWriter, keepPrivateBy } from '../../node/keep-private.js'
import { type PageHead, privatePage } from './page-head.js'
import type { Visit } from './visit.js'

/** A browser's request, as Node.js frameworks represent it; `R` is the framework's request type. */
export function nodeVisit<R>(request: R, incoming: NodeRequest): Omit<Visit<R>, 'addCookie'> {
  const { method = 'GET', url = '/', originalUrl: target = url, headers } = incoming
  return { request, method, target, header: (name) => headers[name]?.toString() }
}

/**
 * Keeps a page's response private to its browser, whatever headers the handler sets. Returns a function that adds cookies to the response.
 */
export function keepPage(
  writer: HeadWriter & { readonly headersSent: boolean },
  isOwnCookie: PageHead['isOwnCookie'],
): Visit<unknown>['addCookie'] {
  const head: PageHead = { cookies: [], isOwnCookie }
  setCookiesWithHead(writer, head)
  keepPrivateBy(new Map([['cache-control', (set) => privatePage.cacheControl(set, head)]]), writer)
  return (cookie) => {
    if (writer.headersSent) throw privatePage.tooLate()
    head.cookies.push(cookie)
  }
}

/** Runs when the head is written, so that a handler that sets its own cookies does not remove the agent's cookies. */
function setCookiesWithHead(writer: HeadWriter, head: PageHead): void {
  const writeHead = writer.writeHead.bind(writer)
  writer.writeHead = (status, ...rest) => {
    const given = [writer.getHeader('set-cookie') ?? []].flat().map(String)
    const cookies = privatePage.cookies(given, head)
    if (cookies.length > 0) writer.setHeader('set-cookie', cookies)
    else writer.removeHeader('set-cookie')
    return writeHead(status, ...rest)
  }
}
