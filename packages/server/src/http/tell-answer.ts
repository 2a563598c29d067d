import type { ServerContext } from '../context.js'
import { takeRefusal } from './refusal-response.js'
import type { Arrival } from './visit.js'

/** When the answer was begun, in milliseconds of the process, and the path as the table of routes has it. */
interface Answered {
  began: number
  route: string
}

/** Tells who listens about an answer, and records it where it refuses what an operator looks for. */
export async function tellAnswer(
  context: ServerContext,
  arrival: Arrival['Bindings'],
  response: Response,
  { began, route }: Answered,
): Promise<void> {
  const { received, requestId } = arrival
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
