import { AgentError } from '../lib/agent-error.js'
import type { RequestEvent, Tell } from '../lib/events.js'

/** What came of a request. */
export interface Answered {
  response?: Response
  /** Why it is refused. */
  code?: string | undefined
}

/** Does what an agent is asked for, and tells how it ended. */
export async function tellAsked<T extends Answered>(
  tell: Tell | undefined,
  asked: Pick<RequestEvent, 'route' | 'method' | 'host'>,
  work: () => Promise<T>,
): Promise<T> {
  if (!tell) return work()
  const began = performance.now()
  let outcome = 'failed'
  let status: number | undefined
  try {
    const answered = await work()
    status = answered.response?.status
    outcome = answered.code ?? 'ok'
    return answered
  } catch (error) {
    if (error instanceof AgentError) {
      outcome = error.code
      tell({ kind: 'refusal', code: outcome, reason: error.message })
    }
    throw error
  } finally {
    tell({ kind: 'request', ...asked, outcome, status, duration: (performance.now() - began) / 1000 })
  }
}
