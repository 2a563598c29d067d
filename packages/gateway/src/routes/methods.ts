/** What `*` stands for: methods that say all of themselves in the request line. `MOVE` and `COPY` name a second place in a header. */
export const plainMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How closely a route for one method, or for `*`, names that of a request: the lowest number does best; undefined where it does not. */
export function methodDistance(method: string, routed: string): number | undefined {
  if (routed === method) return 0
  if (routed === 'GET' && method === 'HEAD') return 1
  return routed === '*' && plainMethods.has(method) ? 2 : undefined
}

export function methodProblem(routed: unknown): string | undefined {
  if (routed === '*') return undefined
  if (typeof routed !== 'string' || !/^[A-Z][A-Z-]*$/.test(routed)) return 'must be a method in capitals, or *'
  return ['CONNECT', 'TRACE', 'TRACK'].includes(routed) ? 'is never passed on' : undefined
}
