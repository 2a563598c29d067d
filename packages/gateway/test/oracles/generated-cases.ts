import type { Route } from 'countersign-gateway'
import fc from 'fast-check'
import { plannedRequest, requestOf } from './generated-requests.js'
import { derivedRow, routesOf } from './generated-tables.js'
import type { TriedRequest } from './router-under-test.js'

export interface GeneratedCase {
  frontController: boolean
  routes: readonly Route[]
  requests: readonly TriedRequest[]
}

/**
 * Route tables whose routes are related as in real APIs (sub-resources, extensions, wildcard parents, several methods), each with requests
 * that start from a path of one of its routes and are changed in ways that servers are known to interpret differently.
 */
export function generatedCase(requestsPerTable: number): fc.Arbitrary<GeneratedCase> {
  return fc
    .record({
      frontController: fc.boolean(),
      rows: fc.array(derivedRow, { minLength: 2, maxLength: 6, size: 'max' }),
      requests: fc.array(plannedRequest, { minLength: 1, maxLength: requestsPerTable, size: 'max' }),
    })
    .map(({ frontController, rows, requests }) => {
      const routes = routesOf(rows)
      return { frontController, routes, requests: requests.map((planned) => requestOf(planned, routes)) }
    })
}
