import type { Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { type ApiUnderTest, judgedBy } from './judged-by.js'
import { isLong, tryGeneratedCases } from './oracle.js'
import type { RouterUnderTest } from './router-under-test.js'

/** Requests that a router runs for a route, although another route matches their path. */
export interface KnownRequests extends ApiUnderTest {
  /** How the router interprets the paths, or the row of docs/security/attacks.md. */
  finding: string
  /** The name of the router. */
  router: string
  /** Index of the route that the router runs; the MCP server comes after the last one. */
  runs: number
  /** @default GET */
  method?: string
  targets: readonly string[]
}

interface Oracle {
  routers: readonly RouterUnderTest[]
  known?: readonly KnownRequests[]
}

/** The same tables at every commit; new ones for an hour, for all six families together, with `npm run test:long`. */
const limit = isLong ? { seconds: 3600 / 6 } : { tables: 150 }

/** Declares the tests of a family of routers: with the known requests, and with generated ones. */
export function describeOracle(family: string, { routers, known = [] }: Oracle): void {
  describe(`${family} runs nothing that requires more than the gateway required`, () => {
    const requests = known.flatMap(({ targets, ...each }) => targets.map((target) => ({ ...each, target })))

    it.each(requests)('for $target ($finding)', async ({ router, runs, method = 'GET', target, ...api }) => {
      const { routes, frontController = false, mcp } = api
      const served: Route[] = mcp === undefined ? [] : [{ method: '*', path: mcp, require: 'identity' }]
      const run = await routers.find(({ name }) => name === router)?.mount([...routes, ...served], frontController)
      const [ran = []] = (await run?.([{ method, target }])) ?? []
      expect(ran.map(({ row }) => row)).toContain(runs)
      const judge = judgedBy(api)
      expect(judge, 'the gateway accepts the table').toBeDefined()
      expect(judge?.({ method, target })).toBeUndefined()
    })

    it('for generated tables and requests', { timeout: 720_000 }, async () => {
      const counts = await tryGeneratedCases(routers, limit)
      process.stderr.write(`${family}: ${JSON.stringify(counts)}\n`)
      expect(counts.loaded / counts.tables).toBeGreaterThan(0.3)
      expect(counts.forwarded / counts.requests).toBeGreaterThan(0.1)
    })
  })
}
