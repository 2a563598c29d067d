import type { Handler } from 'countersign/node'

/**
 * The same handler for what a browser brings back to a port of this machine. A page elsewhere that sends here by a name of its
 * own, or by a script, brings no person's answer (attacks L10, M08).
 *
 * @param origin where the handler is reached
 */
export function forBrowsersHere(handler: Handler, origin: string): Handler {
  const { host } = new URL(origin)
  return async (request, received) => {
    const { headers } = request
    if (headers.get('host') === host && !headers.has('origin')) return handler(request, received)
    return new Response('Only a browser that comes back from an auth server is answered.\n', { status: 403 })
  }
}
