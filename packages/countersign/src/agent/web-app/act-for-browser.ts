import { AgentError } from '../../lib/agent-error.js'
import type { AgentActions } from '../agent-options.js'

export interface BrowserActions {
  actions: AgentActions
  /** Whether these actions threw the error, and it has the URL at which this browser's user decides. */
  needsConsent: (error: unknown) => error is AgentError & { url: string }
  /** Whether these actions threw the error, and it says when to retry. */
  isBusy: (error: unknown) => error is AgentError & { retryAfter: number }
}

/**
 * The agent as it acts for one browser, whose session is looked up or created on first use.
 *
 * @param onAsk called with the URL at which the user must decide, before the caller receives the error
 */
export function browserActions(findActions: () => Promise<AgentActions>, onAsk: (url: string) => void): BrowserActions {
  // Errors of another agent in the same handler are not for this user.
  const asking = new Set<unknown>()
  const busy = new Set<unknown>()
  let found: Promise<AgentActions> | undefined

  async function act<T>(action: (actions: AgentActions) => Promise<T>): Promise<T> {
    found ??= findActions()
    const actions = await found
    try {
      return await action(actions)
    } catch (error) {
      if (error instanceof AgentError && error.code === 'consent_required' && error.url !== undefined) {
        if (!asking.has(error)) onAsk(error.url)
        asking.add(error)
      }
      if (error instanceof AgentError && error.retryAfter !== undefined) busy.add(error)
      throw error
    }
  }

  return {
    actions: {
      fetch: (input, init) => act((actions) => actions.fetch(input, init)),
      signIn: (request) => act((actions) => actions.signIn(request)),
      tokens: () => act((actions) => actions.tokens()),
    },
    needsConsent: (error): error is AgentError & { url: string } => asking.has(error),
    isBusy: (error): error is AgentError & { retryAfter: number } => busy.has(error),
  }
}
