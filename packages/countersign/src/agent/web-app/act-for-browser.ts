import { AgentError } from '../../lib/agent-error.js'
import type { AgentActions } from '../agent-options.js'

export interface BrowserActions {
  actions: AgentActions
  /** Whether the error was thrown by these actions and contains the URL at which this browser's user decides. */
  needsConsent: (error: unknown) => error is AgentError & { consent: { url: string } }
  /**
   * Delay before a retry, in seconds, if the error was thrown by these actions because the auth server is overloaded or does not respond.
   */
  retryAfter: (error: unknown) => number | undefined
}

/** Delay before a browser may retry if the auth server does not respond, in seconds. */
const outage = 60

/**
 * The agent for one browser, whose session is looked up or created on first use.
 *
 * @param onAsk called with the URL at which the user must decide, before the caller receives the error
 */
export function browserActions(findActions: () => Promise<AgentActions>, onAsk: (url: string) => void): BrowserActions {
  // Errors from another agent in the same handler do not concern this user.
  const asking = new Set<unknown>()
  const unavailable = new Map<unknown, number | undefined>()
  let found: Promise<AgentActions> | undefined

  async function act<T>(action: (actions: AgentActions) => Promise<T>): Promise<T> {
    found ??= findActions()
    const actions = await found
    try {
      return await action(actions)
    } catch (error) {
      if (error instanceof AgentError && error.code === 'consent_required' && error.consent) {
        if (!asking.has(error)) onAsk(error.consent.url)
        asking.add(error)
      }
      if (error instanceof AgentError)
        unavailable.set(error, error.code === 'auth_server_unreachable' ? outage : error.retryAfter)
      throw error
    }
  }

  return {
    actions: {
      fetch: (input, init) => act((actions) => actions.fetch(input, init)),
      signedHeaders: (url, init) => act((actions) => actions.signedHeaders(url, init)),
      signIn: (request) => act((actions) => actions.signIn(request)),
      tokens: () => act((actions) => actions.tokens()),
    },
    needsConsent: (error): error is AgentError & { consent: { url: string } } => asking.has(error),
    retryAfter: (error) => unavailable.get(error),
  }
}
