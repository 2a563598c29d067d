import { setImmediate } from 'node:timers/promises'
import type { Route } from 'countersign-gateway'
import fc from 'fast-check'
import { Finding, withFewerRoutes } from './finding.js'
import { type GeneratedCase, generatedCase } from './generated-cases.js'
import { covers, judgedBy } from './judged-by.js'
import type { RouterUnderTest } from './router-under-test.js'

/** How much was tested. */
export interface OracleCounts {
  tables: number
  /** Tables that the gateway accepted. */
  loaded: number
  /** Requests to accepted tables. */
  requests: number
  /** Requests that the gateway would forward. */
  forwarded: number
  /** Handlers that ran for forwarded requests, over all routers. */
  ran: number
  /** Tables that a router could not mount, over all routers. */
  unmounted: number
}

function noCounts(): OracleCounts {
  return { tables: 0, loaded: 0, requests: 0, forwarded: 0, ran: 0, unmounted: 0 }
}

/** Tries the requests of a table with each router; undefined if none runs more than the gateway required. */
async function findingIn(
  { frontController, routes, requests }: GeneratedCase,
  routers: readonly RouterUnderTest[],
  counts: OracleCounts,
): Promise<Finding | undefined> {
  counts.tables++
  const judge = judgedBy({ routes, frontController })
  if (!judge) return undefined
  counts.loaded++
  counts.requests += requests.length
  const forwarded = requests.flatMap((request) => {
    const need = judge(request)
    return need ? [{ request, need }] : []
  })
  if (forwarded.length === 0) return undefined
  counts.forwarded += forwarded.length
  for (const router of routers.filter((each) => isAsDeclared(each, routes))) {
    const run = await router.mount(routes, frontController).catch(() => undefined)
    const handlers = await run?.(forwarded.map(({ request }) => request))
    if (!handlers) counts.unmounted++
    for (const [at, { request, need }] of forwarded.entries())
      for (const { row, by = router.name } of handlers?.[at] ?? []) {
        counts.ran++
        const ran = routes[row] as Route
        if (!covers(need, ran)) return new Finding({ frontController, routes, request, router: by, ran, need })
      }
  }
  return undefined
}

/** Whether what the table declares about the API is true for one that uses this router. */
function isAsDeclared({ ignoresCase, ignoresIndex, decodes }: RouterUnderTest, routes: readonly Route[]): boolean {
  return !routes.some(
    (route) =>
      (ignoresCase && route.case !== undefined) ||
      (ignoresIndex && route.endings !== undefined) ||
      (decodes && route.encoded !== undefined),
  )
}

export const isLong = process.env.LONG_TESTS !== undefined

/** The first seed: fixed, but different for each long run. `ORACLE_SEED` reproduces a failure. */
function firstSeed(): number {
  const given = Number(process.env.ORACLE_SEED ?? Number.NaN)
  if (Number.isSafeInteger(given)) return given
  return isLong ? Date.now() % 2 ** 31 : 20_261_129
}

/** With fewer handlers, a run proves nothing. */
const leastRan = 500

/**
 * Tries generated tables and requests up to a limit: whatever a router runs for a request that the gateway forwards requires at most what
 * the gateway required.
 *
 * @param limit How many tables to try, or for how many seconds
 * @throws Error with the smallest table and request that show a finding, and with the seed that reproduces it; with the counts if too few
 * handlers ran
 */
export async function tryGeneratedCases(
  routers: readonly RouterUnderTest[],
  limit: { tables: number } | { seconds: number },
): Promise<OracleCounts> {
  const counts = noCounts()
  const property = fc.asyncProperty(generatedCase(100), async (generated) => {
    const finding = await findingIn(generated, routers, counts)
    if (finding) throw finding
  })
  const begun = Date.now()
  const isOver = () => ('tables' in limit ? counts.tables >= limit.tables : Date.now() >= begun + limit.seconds * 1000)
  for (let seed = firstSeed(); !isOver(); seed++) {
    // Routers that only await promises never return to the event loop, which prevents garbage collection of everything they created.
    await setImmediate()
    const { failed, errorInstance } = await fc.check(property, { seed, numRuns: 25 })
    if (!failed) continue
    if (!(errorInstance instanceof Finding)) throw new Error(`ORACLE_SEED=${seed}`, { cause: errorInstance })
    const smallest = await withFewerRoutes(errorInstance, (fewer) =>
      findingIn({ ...fewer, requests: [fewer.request] }, routers, noCounts()),
    )
    throw new Error(`${smallest.message}\n  repeat:   ORACLE_SEED=${seed}`)
  }
  if (counts.ran < leastRan) throw new Error(`Too few handlers ran: ${JSON.stringify(counts)}`)
  return counts
}
