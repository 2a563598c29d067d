import { AgentError } from 'countersign/agent'

/** Requests that ask the user for all permissions of a server at once, until that was refused. */
interface OneConsent {
  readonly fetch: typeof globalThis.fetch
  /** From now on, the user is asked for each permission when it is needed. */
  readonly stop: () => void
}

/**
 * Makes requests whose servers ask for all of their permissions, if they support this. If an auth server refuses that, perhaps because of
 * a single permission, the request is sent again and asks only for what it needs.
 */
export function createOneConsent(fetch: typeof globalThis.fetch): OneConsent {
  let isOver = false
  return {
    fetch: async (url, init) => {
      if (isOver) return fetch(url, init)
      const headers = new Headers(init?.headers)
      headers.set('prefer', 'consent=all')
      try {
        return await fetch(url, { ...init, headers })
      } catch (error) {
        if (!(error instanceof AgentError && refusals.has(error.code))) throw error
        isOver = true
        return fetch(url, init)
      }
    },
    stop: () => {
      isOver = true
    },
  }
}

/** The auth server refused the request before any user saw it. */
const refusals: ReadonlySet<string> = new Set(['access_denied', 'token_request_failed'] satisfies AgentError['code'][])
