import { noStore, privateCacheControl, removeTargeted } from '../../node/keep-private.js'

/** The headers that the agent adds to a page. */
export interface PageHead {
  /** The `Set-Cookie` lines to add. */
  cookies: string[]
  /** Whether a `Set-Cookie` line sets a cookie that only the agent may set. */
  isOwnCookie: (line: string) => boolean
}

/** The head of a page that was rendered with the agent, regardless of the headers that the page's handler sets. */
export const privatePage = {
  /** Shared caches must not store the page; no cache may store a response that sets a session cookie. */
  cacheControl: (set: string, { cookies }: PageHead): string =>
    cookies.length > 0 ? noStore : privateCacheControl(set),

  /**
   * Drops agent cookies from the handler's headers, so that an API whose response is forwarded cannot plant a session whose value it knows.
   */
  cookies: (given: readonly string[], { cookies, isOwnCookie }: PageHead): string[] => [
    ...given.filter((line) => !isOwnCookie(line)),
    ...cookies,
  ],

  tooLate: () => new TypeError('A page handler must await fetch before it starts its response.'),
}

/** Creates a new response, because the headers of a `fetch` response are immutable. */
export function withHead(answer: Response, head: PageHead): Response {
  const response = new Response(answer.body, answer)
  const { headers } = response
  const cookies = privatePage.cookies(headers.getSetCookie(), head)
  headers.delete('set-cookie')
  for (const each of cookies) headers.append('set-cookie', each)
  headers.set('cache-control', privatePage.cacheControl(headers.get('cache-control') ?? '', head))
  removeTargeted(headers)
  return response
}
