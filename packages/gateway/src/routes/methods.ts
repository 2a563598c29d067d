/** What `*` stands for: methods that say all of themselves in the request line. `MOVE` and `COPY` name a second place in a header. */
const plain: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Whether requests with a method go by a route for another one, or for `*`. */
export function methodFits(method: string, routed: string): boolean {
  if (routed === '*') return plain.has(method)
  return routed === method || (method === 'HEAD' && routed === 'GET')
}

export function methodProblem(routed: unknown): string | undefined {
  if (routed === '*') return undefined
  if (typeof routed !== 'string' || !/^[A-Z][A-Z-]*$/.test(routed)) return 'must be a method in capitals, or *'
  return ['CONNECT', 'TRACE', 'TRACK'].includes(routed) ? 'is never passed on' : undefined
}
