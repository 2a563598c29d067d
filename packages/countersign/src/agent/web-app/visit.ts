import { keptNowhere } from '../../protocol/private-answer.js'
import { looksAhead } from '../looks-ahead.js'

/** One request of a browser, as its framework has it; `R` is the framework's own. */
export interface Visit<R> {
  request: R
  method: string
  /** Path and query, as they were asked for. */
  target: string
  header: (name: string) => string | undefined
  /** Adds `Set-Cookie` to the answer. */
  addCookie: (cookie: string) => void
}

export function isRead({ method }: Pick<Visit<unknown>, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Whether a browser goes to the page: neither a script nor another page asks for it. */
export function isNavigation({ header }: Pick<Visit<unknown>, 'header'>): boolean {
  return (header('sec-fetch-dest') ?? 'document') === 'document'
}

/** Whether a page of the app itself sent a request: browsers say so, and no other site can have them say it. */
export function isFromOwnPage({ header }: Visit<unknown>, origin: string): boolean {
  const site = header('sec-fetch-site')
  return site === undefined ? header('origin') === origin : site === 'same-origin'
}

/** The answer to what no person asked for on a page of the app; undefined: it may go on. */
export function refuseVisit(visit: Visit<unknown>, origin: string): Response | undefined {
  // Nobody is asked for what a browser only loads ahead.
  if (looksAhead(visit.header)) return new Response(null, { status: 503, headers: { 'cache-control': 'no-store' } })
  // Browsers send no cookie of ours with what other sites load, and keep none of its answer.
  const isLoadedElsewhere = visit.header('sec-fetch-site') === 'cross-site' && !isNavigation(visit)
  if (isLoadedElsewhere) return refuseForeign()
  return isRead(visit) || isFromOwnPage(visit, origin) ? undefined : refuseForeign()
}

export function refuseForeign(): Response {
  const why = 'Another site sent this request, so nothing was done. Go back and try again from the page itself.\n'
  return new Response(why, { status: 403, headers: { 'cache-control': 'no-store' } })
}

/** Leads a browser on: by GET, whatever it sent (303), or with all that it sent (307). */
export function redirect(location: string, cookies: readonly string[] = [], status: 303 | 307 = 303): Response {
  const headers = new Headers({ location, 'cache-control': keptNowhere })
  for (const each of cookies) headers.append('set-cookie', each)
  return new Response(null, { status, headers })
}
