import type { ServerContext } from '../http/context.js'
import { htmlResponse } from '../http/html-response.js'
import type { SignedInVisit } from '../http/visit.js'

/** A page or a form of the account, for the person whose it is; the visit's `id` is the row's, where the path names one. */
export type AccountHandler = (context: ServerContext, visit: SignedInVisit) => Promise<Response>

/** The answer with a page. */
export function accountResponse(html: string, visit: SignedInVisit, status = 200): Response {
  return htmlResponse(html, { status, cookies: visit.newCookies })
}
