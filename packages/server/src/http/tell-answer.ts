import type { ServerContext } from './context.js'
import { takeRefusal } from './refusal-response.js'
import type { Arrival } from './visit.js'

/**
 * Tells who listens about an answer, and records it where it refuses what an operator looks for.
 *
 * @param route the path as the table of routes has it
 */
export async function tellAnswer(
  context: ServerContext,
  arrival: Arrival['Bindings'],
  response: Response,
  route: string,
): Promise<void> {
  const { received, requestId, began } = arrival
  const refusal = takeRefusal(response)
  if (refusal) {
    context.tell?.({ kind: 'refusal', ...refusal, requestId })
    await context
      .recordRefusal(refusal, received.remoteAddress)
      .catch((error: unknown) => context.onError(error, requestId))
  }
  const { status } = response
  context.tell?.({
    kind: 'request',
    route,
    outcome: refusal?.code ?? (status < 400 ? 'ok' : 'refused'),
    status,
    duration: (performance.now() - began) / 1000,
    method: received.method,
    path: received.rawTarget.split('?', 1)[0]?.slice(0, 256),
    requestId,
  })
}
