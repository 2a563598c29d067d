import { isIdentifier } from '../low-level-exports/discovery.js'

/** The handler of an origin. */
export type OriginHandler = (request: Request) => Promise<Response> | Response

/** A world's handlers, by origin. */
export type TestOrigins = Map<string, OriginHandler>

/** A `fetch` that reaches only these origins. It does not follow redirects. */
export function createTestFetch(origins: TestOrigins): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const { origin } = new URL(request.url)
    const handler = origins.get(origin)
    // The error that `fetch` throws for a host that cannot be resolved.
    if (!handler) throw new TypeError(`fetch failed: nothing is served at ${origin} in this test world`)
    return handler(request)
  }
}

/**
 * Checks that a name ends in `.test`, a domain that never resolves (RFC 6761 §6.2): a role cannot find the keys of such a name unless it
 * uses the world's `fetch`.
 *
 * @throws TypeError
 */
export function requireTestName(option: string, id: string): void {
  if (isIdentifier(id) && new URL(id).hostname.endsWith('.test')) return
  throw new TypeError(
    `${option} must be an https identifier whose host ends in .test, such as https://${option.toLowerCase()}.test: ${id}`,
  )
}
