import { january } from '../editions/january/january.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { causeMessages } from '../lib/error-reasons.js'
import { AAuthError } from '../lib/errors.js'
import type { Emit } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { describeRefusal, joinReasons } from '../lib/refusal.js'
import { DelegateRefusal, writeDelegateRefusal } from './delegate-refusal.js'

/** What an agent server serves at a path. */
export interface Endpoint {
  /** As in `Allow`. */
  methods: string
  /** @throws AAuthError, DelegateRefusal */
  respond: (message: ReceivedMessage, request: Request) => MaybePromise<Response>
}

/** Serves a request, and emits its events. Rethrows anything that is not a refusal. */
export async function serveEndpoint(
  endpoints: ReadonlyMap<string, Endpoint>,
  request: Request,
  message: ReceivedMessage,
  emit: Emit | undefined,
): Promise<Response> {
  const { method } = request
  const { pathname } = new URL(request.url)
  const endpoint = endpoints.get(pathname)
  const start = performance.now()
  const report = (outcome: string, status?: number): void =>
    emit?.({
      kind: 'request',
      route: endpoint ? pathname : 'none',
      outcome,
      status,
      method,
      duration: (performance.now() - start) / 1000,
    })
  try {
    if (!endpoint) throw new AAuthError('not_found', 'Nothing is served at this path.')
    if (!endpoint.methods.split(', ').includes(method))
      throw new AAuthError('method_not_allowed', `Use ${endpoint.methods}.`)
    const response = await endpoint.respond(message, request)
    report('ok', response.status)
    return response
  } catch (error) {
    if (!(error instanceof AAuthError || error instanceof DelegateRefusal)) throw error
    const { code, status } = error
    const refusal =
      error instanceof AAuthError
        ? describeRefusal(error, error)
        : { code, status, delegate: error.delegate, reason: joinReasons([error.message, ...causeMessages(error)]) }
    emit?.({ kind: 'refusal', ...refusal })
    report(code, status)
    return toResponse(error, endpoint)
  }
}

function toResponse(error: AAuthError | DelegateRefusal, endpoint: Endpoint | undefined): Response {
  if (error instanceof DelegateRefusal) return writeDelegateRefusal(error)
  const { status, headers, body } = january.writeRefusal(error)
  return new Response(body, {
    status,
    headers: status === 405 && endpoint ? { ...headers, allow: endpoint.methods } : headers,
  })
}
