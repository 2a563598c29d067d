import { CommandError } from '../command/command-error.js'
import type { GivenRequest } from './build-request.js'

type Send = (request: GivenRequest) => Promise<Response>

/** How often an answer may send on. */
const mostRedirects = 20

/**
 * Sends a request, and goes where answers send it, at the same origin: what is signed for one is nobody else's.
 *
 * @throws CommandError for an answer that sends to another origin, or in a circle
 */
export async function followRedirects(request: GivenRequest, send: Send): Promise<Response> {
  let next = request
  for (let times = 0; times <= mostRedirects; times++) {
    const response = await send(next)
    const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null
    if (location === null || !URL.canParse(location, next.url)) return response
    await response.body?.cancel()
    const to = new URL(location, next.url)
    if (to.origin !== new URL(next.url).origin) {
      const asked = `${new URL(next.url).host} sends on to another origin, which is not followed`
      throw new CommandError(`${asked}: if you trust it, ask there: ${to.href}`)
    }
    next = redirected(next, response.status, to.href)
  }
  throw new CommandError(`${new URL(request.url).host} sent on ${mostRedirects + 1} times: it goes in a circle.`)
}

/** The next request, as browsers make it: a POST becomes a GET unless the answer says that it stays. */
function redirected(request: GivenRequest, status: number, url: string): GivenRequest {
  const isKept = status === 307 || status === 308 || (status !== 303 && request.method !== 'POST')
  if (isKept || ['GET', 'HEAD'].includes(request.method)) return { ...request, url }
  const headers = new Headers(request.headers)
  headers.delete('content-type')
  return { url, method: 'GET', headers, body: undefined }
}
