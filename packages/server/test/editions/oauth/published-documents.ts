import { createFetchBudget, type DiscoveryLimits } from 'countersign/discovery'
import type { FetchDocument } from 'countersign/node'

/** What an origin returns for a URL. */
export type Publish = () => Response | Promise<Response>

/** A JSON response as an origin publishes it. */
export function published(document: unknown, headers: Record<string, string> = {}, status = 200): Response {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  const body = document instanceof Uint8Array ? new Uint8Array(document) : text
  return new Response(body, { status, headers: { 'content-type': 'application/json', ...headers } })
}

/** The documents of other parties by URL, the requests for them, and a clock. An unpublished URL has no server. */
export function createWeb(limits: DiscoveryLimits = {}) {
  const clock = { now: 1_800_000_000 }
  const pages = new Map<string, Publish>()
  const requests: { url: string; init: Parameters<FetchDocument>[1] }[] = []
  const delays: number[] = []
  const now = () => clock.now
  const fetch: FetchDocument = async (url, init) => {
    requests.push({ url, init })
    const publish = pages.get(url)
    if (!publish) throw Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })
    return publish()
  }
  const delay = async (milliseconds: number) => delays.push(milliseconds)
  const options = { now, fetch, delay, budget: createFetchBudget(limits, now) }
  return { clock, pages, requests, delays, options }
}

/** The code of the problem with which a lookup is refused, and `found` if it is not. */
export async function codeOf(lookup: Promise<unknown>): Promise<string> {
  return lookup.then(
    () => 'found',
    (problem: Error & { code?: string }) => problem.code ?? problem.message,
  )
}
