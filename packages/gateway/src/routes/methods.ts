import { METHODS } from 'node:http'
import { nearestName } from 'countersign/wire'

/** What `*` stands for: methods that say all of themselves in the request line. `MOVE` and `COPY` name a second place in a header. */
export const plainMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How closely a route for one method, or for `*`, names that of a request: the lowest number does best; undefined where it does not. */
export function methodDistance(method: string, routed: string): number | undefined {
  if (routed === method) return 0
  if (routed === 'GET' && method === 'HEAD') return 1
  return routed === '*' && plainMethods.has(method) ? 2 : undefined
}

/** The methods whose handlers a request may run: many frameworks run that of GET for HEAD, even beside one for HEAD. */
export function handledAs(method: string): readonly string[] {
  return method === 'HEAD' ? ['HEAD', 'GET'] : [method]
}

export function methodProblem(routed: unknown): string | undefined {
  if (routed === '*') return undefined
  if (typeof routed !== 'string' || !/^[A-Z][A-Z-]*$/.test(routed)) return 'must be a method in capitals, or *'
  if (['CONNECT', 'TRACE', 'TRACK'].includes(routed)) return 'is never passed on'
  if (METHODS.includes(routed)) return undefined
  // Of three letters, all may be the right ones in another order.
  const near = [...plainMethods].find((method) => sorted(method) === sorted(routed)) ?? nearestName(routed, METHODS)
  return `is no method of HTTP that can be read here${near === undefined ? '' : `; did you mean ${near}?`}`
}

function sorted(text: string): string {
  return Array.from(text).toSorted().join('')
}
