import { setTimeout as sleep } from 'node:timers/promises'
import { createConcurrencyLimit, type FetchBudget } from 'countersign/discovery'
import { type FetchDocument, fetchBytes, LruCache, networkOf } from 'countersign/node'
import { HostRates } from '../../admission/rate-limit.js'
import { DocumentCache } from './document-cache.js'
import { isJson, parseJson } from './json.js'
import { OAuthProblem } from './oauth-problem.js'

/** How documents are fetched; the same for clients and resources. */
export interface DocumentFetchOptions {
  /** A guarded fetch, because clients choose the URLs. */
  fetch: FetchDocument
  /** Unix seconds. */
  now: () => number
  /** Limits the fetches that users can cause, by host and by network. Share one per process. */
  budget: FetchBudget
  /** Limits the fetches from one host. Share one per process. @default its own */
  hostRates?: HostRates | undefined
  /**
   * When a failed fetch is reported. `equal`: as late as the latest one, so that the time does not reveal which hosts and ports exist in a
   * private network. `shortest`: as soon as it fails, for tests. @default 'equal'
   */
  failureTime?: 'equal' | 'shortest' | undefined
  /** Waits for a number of milliseconds. @default a timer */
  delay?: ((milliseconds: number) => Promise<unknown>) | undefined
}

/** How long valid documents are cached, in seconds. */
interface DocumentAges {
  /** Bounds on the freshness that the response declares. */
  min: number
  max: number
  /** How long after its fetch the last valid copy is used while no newer one can be fetched. */
  lastCopy: number
}

interface FetchedDocumentsOptions extends DocumentFetchOptions {
  what: 'client' | 'resource'
  ages: DocumentAges
  /** Whether a token proves that the document was valid when the token was issued. Its holders then count as callers of a known document. */
  isProvenByToken: boolean
}

/** A document, and how to read it. */
export interface WantedDocument<T> {
  url: string
  /** @throws OAuthProblem for an invalid document */
  read: (document: unknown) => T
}

/** The request that needs a document. */
export interface FetchCaller {
  /** Whether the document may be fetched now. If not, only a cached copy is returned. */
  mayFetch: boolean
  /** The address of the user, whose network can cause a limited number of fetches. */
  remoteAddress?: string | undefined
  /** The signed-in user, who has a share of the cache, and of the fetches from each host. @default the network of the address */
  user?: string | undefined
  /** Whether the caller has a code or refresh token for which the document is needed: the document is then evicted last. @default false */
  holdsToken?: boolean | undefined
}

/** A document that was read. */
export interface ReadDocument<T> {
  value: T
  /** Whether the copy has expired, because a newer one could not or must not be fetched. */
  isStale: boolean
}

/** Documents of one kind, in a bounded cache. */
export interface FetchedDocuments<T> {
  /** @throws OAuthProblem */
  find(wanted: WantedDocument<T>, caller: FetchCaller): Promise<ReadDocument<T>>
}

interface Copy<T> {
  value: T
  /** When its fetch started, or when it was found that the clock had been set back since. */
  fetchedAt: number
  expiresAt: number
  /** When the next fetch is attempted: at expiry, and later if a fetch failed. */
  refetchAt: number
}

const limits = {
  maxBytes: 16_384,
  timeout: 5000,
  documents: 2000,
  /** Maximum number of cached documents that one user or network has caused. */
  documentsPerSource: 200,
  /** Maximum number of callers that wait for a fetch, and of those from one user or network. */
  waiting: 1000,
  waitingPerSource: 50,
  /** Time between two attempts to replace an expired copy, and how long a busy server uses it, in seconds. */
  retryAge: 60,
  /** How many URLs are remembered as known, and for how long after their latest valid document, in seconds. */
  knownUrls: 10_000,
  knownAge: 7 * 86_400,
}

/**
 * Creates a cache of documents that are fetched by the rules for client documents (draft-ietf-oauth-client-id-metadata-document §5, 8.7): no
 * redirects, only status 200 and JSON, at most 16 kB within 5 seconds, and one fetch at a time per URL. Errors and invalid documents are
 * never cached. Users and networks have shares of everything, so that none evicts or starves the others. The limits on new documents do not
 * apply to known URLs, which had a valid document within a week: otherwise, invented URLs of a host would stop the refreshes of others there.
 *
 * A publisher's own word counts at once: an invalid document, 404 and 410 also remove the last valid copy. Every other failure keeps it.
 */
export function createFetchedDocuments<T>(options: FetchedDocumentsOptions): FetchedDocuments<T> {
  const { what, now, ages, budget, failureTime = 'equal' } = options
  const { delay = (milliseconds) => sleep(milliseconds, undefined, { ref: false }) } = options
  const { hostRates = new HostRates(now) } = options
  const copies = new DocumentCache<Copy<T>>({ limit: limits.documents, share: limits.documentsPerSource })
  const valid = new LruCache<true>(limits.knownUrls)
  const failed = new LruCache<true>(limits.knownUrls)
  const waiting = createConcurrencyLimit(limits.waiting, limits.waitingPerSource)
  const flights = new Map<string, Promise<Copy<T> | OAuthProblem>>()

  /** A known URL counts as new for a short time after a failed fetch, so that a host in trouble is not flooded. */
  function isKnown(url: string, { holdsToken = false }: FetchCaller): boolean {
    const wasValid = valid.get(url, now()) ?? (holdsToken && options.isProvenByToken)
    return wasValid && failed.get(url, now()) === undefined
  }

  function startFetch(wanted: WantedDocument<T>, caller: FetchCaller): Promise<Copy<T> | OAuthProblem> | OAuthProblem {
    const owner = sourceOf(caller)
    const known = isKnown(wanted.url, caller)
    const reached = known ? undefined : hostRates.count(wanted.url, owner)
    if (reached !== undefined) return busy(wanted.url, 'the limit of fetches from this host is reached', reached)
    const spent = budget.begin({ source: networkOfCaller(caller), known, url: wanted.url })
    if ('failure' in spent) return busy(wanted.url, spent.failure.message, spent.failure.retryAfter)
    const flight = fetchAndKeep(wanted, owner).finally(() => {
      spent.end()
      flights.delete(wanted.url)
    })
    flights.set(wanted.url, flight)
    return flight
  }

  async function fetchAndKeep(wanted: WantedDocument<T>, owner: string | undefined): Promise<Copy<T> | OAuthProblem> {
    const { url } = wanted
    const startedAt = now()
    const outcome = await fetchAndRead(wanted, options)
    if ('value' in outcome) {
      const { value, maxAge = ages.min } = outcome
      const expiresAt = startedAt + Math.min(Math.max(maxAge, ages.min), ages.max)
      const copy = { value, fetchedAt: startedAt, expiresAt, refetchAt: expiresAt }
      valid.set(url, true, startedAt + limits.knownAge)
      copies.set(url, copy, { expiresAt: Math.max(expiresAt, startedAt + ages.lastCopy), owner }, startedAt)
      return copy
    }
    const last = copies.get(url, now())
    failed.set(url, true, now() + limits.retryAge)
    if (outcome.isFinal) {
      copies.delete(url)
      valid.delete(url)
    } else if (last) last.refetchAt = now() + limits.retryAge
    return outcome.problem
  }

  /** A copy from before the clock was set back expires now. Otherwise, it would be used for as long as the clock was set back by. */
  function expireIfSetBack(copy: Copy<T>): void {
    const at = now()
    if (copy.fetchedAt > at) Object.assign(copy, { fetchedAt: at, expiresAt: at, refetchAt: at })
  }

  function found({ value, expiresAt }: Copy<T>): ReadDocument<T> {
    return { value, isStale: expiresAt <= now() }
  }

  /** The last valid copy, if it may be used although a fetch failed. */
  function lastCopy(url: string): Copy<T> | undefined {
    const copy = copies.get(url, now())
    // Only briefly if this server is busy: otherwise, an attacker could keep a withdrawn document valid by keeping it busy.
    return copy && copy.refetchAt + limits.retryAge <= now() ? undefined : copy
  }

  async function findNow(wanted: WantedDocument<T>, caller: FetchCaller): Promise<ReadDocument<T>> {
    const { url } = wanted
    const startedAt = performance.now()
    const leave = waiting.enter(sourceOf(caller))
    try {
      const outcome = await (leave
        ? (flights.get(url) ?? startFetch(wanted, caller))
        : busy(url, 'too many requests are waiting for documents', 2))
      if (!(outcome instanceof OAuthProblem)) return found(outcome)
      const last = lastCopy(url)
      if (last) return found(last)
      if (outcome.code !== 'too_many_fetches' && failureTime === 'equal')
        await delay(Math.max(0, limits.timeout - (performance.now() - startedAt)))
      throw outcome
    } finally {
      leave?.()
    }
  }

  return {
    async find(wanted, caller) {
      const { url } = wanted
      const { mayFetch, holdsToken } = caller
      const cached = copies.get(url, now())
      if (cached) expireIfSetBack(cached)
      if (!cached && !mayFetch) throw new OAuthProblem(`${what}_not_fetched`, `${url} is not fetched before sign-in.`)
      const isUsed = cached && (!mayFetch || cached.refetchAt > now())
      const read = isUsed ? found(cached) : await findNow(wanted, caller)
      if (holdsToken) copies.keep(url)
      return read
    },
  }
}

function busy(url: string, why: string, retryAfter: number | undefined): OAuthProblem {
  return new OAuthProblem('too_many_fetches', `${url} is not fetched: ${why}.`, { retryAfter })
}

function networkOfCaller({ remoteAddress }: FetchCaller): string | undefined {
  return remoteAddress === undefined ? undefined : networkOf(remoteAddress, 'site')
}

/** Who has the shares that a fetch counts toward. Undefined if that is unknown: no share applies then. */
function sourceOf(caller: FetchCaller): string | undefined {
  return caller.user === undefined ? networkOfCaller(caller) : `user ${caller.user}`
}

type Outcome<T> =
  | { value: T; maxAge: number | undefined }
  /** `isFinal`: the publisher itself says that there is no valid document. */
  | { problem: OAuthProblem; isFinal: boolean }

async function fetchAndRead<T>(
  { url, read }: WantedDocument<T>,
  { fetch, what }: FetchedDocumentsOptions,
): Promise<Outcome<T>> {
  const failed = (reason: string, isFinal: boolean, cause?: unknown): Outcome<T> => ({
    problem: new OAuthProblem(`${what}_unreachable`, `${reason}.`, { cause }),
    isFinal,
  })
  const received: { response?: Response } = {}
  const fetched = await fetchBytes(url, {
    maxBytes: limits.maxBytes,
    timeout: limits.timeout,
    fetch: async (...args) => {
      received.response = await fetch(...args)
      return received.response
    },
  })
  if ('refusal' in fetched) return failed(fetched.refusal, isGone(received.response), fetched.cause)
  if (!isJson(received.response?.headers.get('content-type')))
    return failed(`${url} does not have the content type application/json`, false)
  const document = parseJson(fetched.bytes)
  if (document === undefined) return failed(`${url} is not JSON`, true)
  try {
    return { value: read(document), maxAge: fetched.maxAge }
  } catch (problem) {
    if (problem instanceof OAuthProblem) return { problem, isFinal: true }
    throw problem
  }
}

function isGone(response: Response | undefined): boolean {
  return response?.status === 404 || response?.status === 410
}
