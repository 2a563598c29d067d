import { type PageHead, privatePage } from './page-head.js'

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
