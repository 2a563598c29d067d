import type { Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { judgedBy } from './judged-by.js'
import type { RouterUnderTest } from './router-under-test.js'

/** Requests that a router takes for those of a row, although another one is for their path (the findings of docs/attacks.md). */
export interface KnownRequests {
  finding: string
  /** The name of the router. */
  router: string
  routes: readonly Route[]
  /** Index of the row that the router runs; the MCP server follows the last one. */
  runs: number
  /** @default GET */
  method?: string
  targets: readonly string[]
  /** Path of an MCP server at the API. @default none */
  mcp?: string
}

interface Oracle {
  routers: readonly RouterUnderTest[]
  known?: readonly KnownRequests[]
}

/** Declares the tests of a family of routers: with the known requests. */
export function describeOracle(family: string, { routers, known = [] }: Oracle): void {
  describe(`${family} runs nothing that requires more than the gateway required`, () => {
    const requests = known.flatMap(({ targets, ...each }) => targets.map((target) => ({ ...each, target })))

    it.each(requests)('for $target ($finding)', async ({ router, routes, runs, method = 'GET', target, mcp }) => {
      const served: Route[] = mcp === undefined ? [] : [{ method: '*', path: mcp, require: 'identity' }]
      const run = await routers.find(({ name }) => name === router)?.mount([...routes, ...served])
      const [ran = []] = (await run?.([{ method, target }])) ?? []
      expect(ran.map(({ row }) => row)).toContain(runs)
      const judge = judgedBy(routes, mcp)
      expect(judge, 'the gateway accepts the table').toBeDefined()
      expect(judge?.({ method, target })).toBeUndefined()
    })
  })
}
