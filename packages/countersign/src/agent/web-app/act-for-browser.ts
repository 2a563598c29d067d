import { AgentError } from '../../lib/agent-error.js'
import type { AgentActions } from '../agent-options.js'

export interface BrowserActs {
  actions: AgentActions
  /** Whether an error came from these actions, and says where the person of this browser decides. */
  isAsking: (error: unknown) => error is AgentError & { url: string }
  /** Whether an error came from these actions, and says when to try again. */
  isBusy: (error: unknown) => error is AgentError & { retryAfter: number }
}

/**
 * The agent as it acts for one browser, whose session is found, or made, when it is first needed.
 *
 * @param onAsk told where the person must decide, before the caller hears of it
 */
export function actForBrowser(findActions: () => Promise<AgentActions>, onAsk: (url: string) => void): BrowserActs {
  // Those of another agent in the same handler are not this person's to answer.
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
    isAsking: (error): error is AgentError & { url: string } => asking.has(error),
    isBusy: (error): error is AgentError & { retryAfter: number } => busy.has(error),
  }
}
