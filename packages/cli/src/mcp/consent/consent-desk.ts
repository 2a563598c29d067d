import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { AgentError, type AgentErrorCode } from 'countersign/agent'

/** Identifies a page where the user decides, without its address. */
export function pageMark(page: string): string {
  const state = new URL(page).searchParams.get('state') ?? page
  return createHash('sha256').update(state).digest('base64url')
}

/** The decision on a page; `open`: none yet, or the page is no longer one to decide on. */
type Decision = 'allowed' | 'denied' | 'open'

/** Where calls wait for what the user decides on pages. */
export interface ConsentDesk {
  /** Watches a page from now on, whether a call waits for it or not. */
  watch(page: string): void
  /** Waits for a decision; `open` after so many seconds. Rejects if the signal aborts. */
  decision(page: string, seconds: number, signal: AbortSignal): Promise<Decision>
  /** Whether the user has denied on a page that is no longer open, by its mark. */
  isDenied(mark: string): Promise<boolean>
}

interface ConsentDeskOptions {
  /** Waits for the decision on a page through the agent's store, as `waitForConsent` of an agent does. */
  waitForConsent: (page: string, ending: AbortSignal) => Promise<boolean>
  /** Called for each page on which the user has allowed something, also when no call waits for it any more. */
  onAllowed: () => void
  /** Aborts when the bridge ends. */
  ending: AbortSignal
}

/** Milliseconds to the next attempt after a code that was not good: the user's own may follow. */
const nextCode = 1000

/** Failures after which no code for the page is accepted any more. */
const finalCodes: ReadonlySet<string> = new Set([
  'auth_token_refused',
  'consent_expired',
  'other_person',
  'session_forgotten',
] satisfies AgentErrorCode[])

/** Milliseconds that the decision on a page which is no longer open may take to be read. */
const longestRead = 2000

/** Most decisions that are remembered for a client that comes back late. */
const mostDecisions = 1000

export function createConsentDesk({ waitForConsent, onAllowed, ending }: ConsentDeskOptions): ConsentDesk {
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

  /** Watches a page once, for all calls that wait, and also after they have given up. */
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

/** A decision; `open` after so many milliseconds. Rejects if the signal aborts. */
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
