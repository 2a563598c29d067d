import { claimedAgent } from '../editions/verified-request.js'
import { fieldValues, type ReceivedMessage } from '../httpsig/received-message.js'
import type { SigningProfile } from '../httpsig/signing-profile.js'
import { AAuthError } from '../lib/errors.js'
import type { Emit } from '../lib/events.js'
import { describeRefusal, type Refused } from '../lib/refusal.js'

/** A request as described in its events. */
export interface RequestReport {
  /** May change until the request has been handled. */
  route: string
  /** The verified agent; unset until it is verified. */
  verified?: Refused
  message: ReceivedMessage
}

/** Serves or verifies a request, and emits its events: the outcome, and why it was refused. */
export async function reportRequest<T>(
  emit: Emit | undefined,
  signing: SigningProfile,
  request: RequestReport,
  serve: () => Promise<T>,
): Promise<T> {
  if (!emit) return serve()
  const { message } = request
  const start = performance.now()
  const report = (outcome: string, status?: number): void =>
    emit({
      kind: 'request',
      route: request.route,
      outcome,
      status,
      method: message.method,
      path: message.rawTarget.split('?', 1)[0]?.slice(0, 256),
      duration: (performance.now() - start) / 1000,
    })
  try {
    const served = await serve()
    report('ok')
    return served
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
    const signatureKey = fieldValues(message, 'signature-key').join(', ')
    const refused = request.verified ?? claimedAgent(signing, signatureKey)
    emit({ kind: 'refusal', ...describeRefusal(error, error, refused) })
    report(error.code, error.status)
    throw error
  }
}
