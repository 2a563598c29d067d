import { isTargeted, keptNowhere, mayTarget, privateCacheControl } from '../../node/keep-private.js'

/** What the agent adds to the head of a page. */
export interface PageHead {
  /** As they are set. */
  cookies: string[]
  /** Whether a line `Set-Cookie` is of one that only the agent sets. */
  isOwnCookie: (line: string) => boolean
}

/** What is in the head of a page that was made with the agent, whatever its handler set. */
export const privatePage = {
  /** No shared cache keeps a page, and none at all one that gives a browser its session. */
  cacheControl: (set: string, { cookies }: PageHead): string =>
    cookies.length > 0 ? keptNowhere : privateCacheControl(set),

  /** Whether a field would have some cache keep it all the same. */
  isRefused: (name: string, set: string): boolean => isTargeted(name) && !mayTarget(name, set),

  /** An API whose answer is handed on gives no browser a session that it knows. */
  cookies: (given: readonly string[], { cookies, isOwnCookie }: PageHead): string[] => [
    ...given.filter((line) => !isOwnCookie(line)),
    ...cookies,
  ],

  tooLate: () => new TypeError('A page must wait for fetch before its answer begins.'),
}

/** The headers of what `fetch` answered cannot be set, so this is a response of its own. */
export function withHead(answer: Response, head: PageHead): Response {
  const response = new Response(answer.body, answer)
  const { headers } = response
  const cookies = privatePage.cookies(headers.getSetCookie(), head)
  headers.delete('set-cookie')
  for (const each of cookies) headers.append('set-cookie', each)
  headers.set('cache-control', privatePage.cacheControl(headers.get('cache-control') ?? '', head))
  const refused = [...headers].filter(([name, value]) => privatePage.isRefused(name, value))
  for (const [name] of refused) headers.delete(name)
  return response
}
