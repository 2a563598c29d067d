import type { Route } from './route.js'

/**
 * The CORS headers of every response to an agent: any web page can be an agent, and may read what any other program can read. Such requests
 * are authenticated by their signatures or by secrets in their bodies, and never by cookies: `*` permits none (Fetch §3.2.5). Responses for
 * browsers, such as pages and the forms in them, have no CORS headers (attacks C36).
 */
const readable = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** Lets pages of any origin read a response to an agent. */
export function showToPages({ headers }: Response): void {
  for (const [name, value] of Object.entries(readable)) headers.set(name, value)
}

/** The response to a preflight request, which is never authenticated; undefined if no page may send requests to the route. */
export function preflightResponse({ caller, methods }: Route): Response | undefined {
  if (caller !== 'agent') return undefined
  return new Response(null, {
    status: 204,
    headers: {
      ...readable,
      'access-control-allow-methods': Object.keys(methods).join(', '),
      // The wildcard does not include Authorization.
      'access-control-allow-headers': '*, authorization',
      'access-control-max-age': '86400',
    },
  })
}
