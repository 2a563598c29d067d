import { isIdentifier } from '../entry-points/discovery.js'

/** What answers at an origin. */
export type OriginHandler = (request: Request) => Promise<Response> | Response

/** The handlers of a world, by origin. */
export type TestOrigins = Map<string, OriginHandler>

/** A `fetch` that reaches nothing but these origins. It follows no redirect. */
export function createTestFetch(origins: TestOrigins): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const { origin } = new URL(request.url)
    const handler = origins.get(origin)
    // As `fetch` says that a host cannot be found.
    if (!handler) throw new TypeError(`fetch failed: nothing answers at ${origin} in this test world`)
    return handler(request)
  }
}

/**
 * Nobody can resolve `.test` (RFC 6761 §6.2), so no role finds the keys of such a name unless it was given the world's `fetch`.
 *
 * @throws TypeError
 */
export function requireTestName(option: string, id: string): void {
  if (isIdentifier(id) && new URL(id).hostname.endsWith('.test')) return
  throw new TypeError(
    `${option} must be a name that ends in .test, such as https://${option.toLowerCase()}.test: ${id}`,
  )
}
