import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { AgentError, type AgentErrorCode } from 'countersign/agent'

/** Returns an identifier for a consent page that does not reveal the page's URL. */
export function pageMark(page: string): string {
  const state = new URL(page).searchParams.get('state') ?? page
  return createHash('sha256').update(state).digest('base64url')
}

/** The decision made on a page. `open`: the user has not decided yet, or can no longer decide on this page. */
type Decision = 'allowed' | 'denied' | 'open'

/** Lets calls wait for the user's decisions on consent pages. */
export interface ConsentDesk {
  /** Starts watching a page, whether or not a call is waiting for it. */
  watch(page: string): void
  /** Waits for a decision; resolves to `open` after this number of seconds. Rejects if the signal aborts. */
  decision(page: string, seconds: number, signal: AbortSignal): Promise<Decision>
  /** Whether the user denied the request on the page with this mark, which is no longer open. */
  isDenied(mark: string): Promise<boolean>
}

interface ConsentDeskOptions {
  /** Waits for the decision on a page through the agent's store, as an agent's `waitForConsent` does. */
  waitForConsent: (page: string, ending: AbortSignal) => Promise<boolean>
  /** Called for each page on which the user has given consent, even if no call is waiting for it anymore. */
  onAllowed: () => void
  /** Called for each page on which the user has denied a request. @default nothing happens */
  onDenied?: () => void
  /** Aborts when the bridge shuts down. */
  ending: AbortSignal
}

/** Milliseconds until the next attempt after an invalid code, because the user's own code may still arrive. */
const nextCode = 1000

/** Failures after which no further code for the page is accepted. */
const finalCodes: ReadonlySet<string> = new Set([
  'auth_token_refused',
  'consent_expired',
  'other_user',
  'session_forgotten',
] satisfies AgentErrorCode[])

/** Time limit for reading the decision on a page that is no longer open, in milliseconds. */
const longestRead = 2000

/** Maximum number of decisions remembered for clients that request them late. */
const mostDecisions = 1000

export function createConsentDesk({ waitForConsent, onAllowed, onDenied, ending }: ConsentDeskOptions): ConsentDesk {
  const decided = new Map<string, Decision>()
  const watched = new Map<string, Promise<Decision>>()

  async function decisionOf(page: string): Promise<Decision> {
    for (;;) {
      try {
        return (await waitForConsent(page, ending)) ? 'allowed' : 'open'
      } catch (error) {
        if (!(error instanceof AgentError) || finalCodes.has(error.code)) return 'open'
        if (error.code === 'access_denied') return 'denied'
        await setTimeout(nextCode)
        if (ending.aborted) return 'open'
      }
    }
  }

  /** Watches a page once for all waiting calls, and continues after those calls have given up. */
  function watch(page: string): Promise<Decision> {
    const mark = pageMark(page)
    const known = decided.get(mark) ?? watched.get(mark)
    if (known) return Promise.resolve(known)
    const decision = decisionOf(page).then((outcome) => {
      watched.delete(mark)
      if (outcome === 'open') return outcome
      const [oldest] = decided.keys()
      if (decided.size >= mostDecisions && oldest !== undefined) decided.delete(oldest)
      decided.set(mark, outcome)
      if (outcome === 'allowed') onAllowed()
      else onDenied?.()
      return outcome
    })
    watched.set(mark, decision)
    return decision
  }

  return {
    watch: (page) => void watch(page),
    decision: (page, seconds, signal) => within(watch(page), seconds * 1000, signal),
    async isDenied(mark) {
      const known = decided.get(mark) ?? watched.get(mark)
      return known !== undefined && (await within(known, longestRead, ending)) === 'denied'
    },
  }
}

/** Waits for a decision; resolves to `open` after this number of milliseconds. Rejects if the signal aborts. */
async function within(
  decision: Decision | Promise<Decision>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<Decision> {
  const over = new AbortController()
  const late = setTimeout(milliseconds, 'open' as const, { signal: AbortSignal.any([signal, over.signal]) })
  try {
    return await Promise.race([decision, late])
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    over.abort()
  }
}
