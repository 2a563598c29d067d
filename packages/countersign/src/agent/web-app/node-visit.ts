import type { NodeRequest } from '../../httpsig/receive-incoming.js'
import { type HeadWriter, keepPrivateBy } from '../../node/keep-private.js'
import { type PageHead, privatePage } from './page-head.js'
import type { Visit } from './visit.js'

/** One request of a browser, as frameworks of Node have it; `R` is the framework's. */
export function nodeVisit<R>(request: R, incoming: NodeRequest, addCookie: Visit<R>['addCookie']): Visit<R> {
  const { method = 'GET', url = '/', originalUrl: target = url, headers } = incoming
  return { request, method, target, header: (name) => headers[name]?.toString(), addCookie }
}

/** Keeps the answer of a page to its browser, whatever the handler sets; gives what adds cookies to it. */
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

/** Last of all: a handler that sets its own cookies takes none of the agent's away. */
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
