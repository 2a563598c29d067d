import { createHash } from 'node:crypto'
import type { TokenSummary } from 'countersign/agent'

/** What tells one page where a person decides from another, without its address. */
export function pageMark(page: string): string {
  return stateMark(new URL(page).searchParams.get('state') ?? page)
}

/** The same, of the state that comes back with the person (W13). */
function stateMark(state: string): string {
  return createHash('sha256').update(state).digest('base64url')
}

/** What became of a page where a person decides. */
type Decision = 'allowed' | 'denied' | 'open'

/** Where calls wait for what people decide on pages elsewhere. */
export interface ConsentDesk {
  /** Waits for a decision; `open` after so many seconds. Rejects where the signal aborts. */
  decision(page: string, seconds: number, signal: AbortSignal): Promise<Decision>
  /** Whether a person came back from a page, by its mark, without having allowed anything. */
  isDenied(mark: string): boolean
  /** Notes what a person came back with, and tells everybody that waits. */
  note(state: string | null, decision: Exclude<Decision, 'open'>): void
  /** Calls back when a person has allowed something. */
  onAllowed(callback: () => void): void
}

/** Milliseconds between two looks at what other programs of the agent got. */
const look = 1000

/** Most decisions that are remembered for whoever asks late. */
const mostDecisions = 1000

/** @param held the permissions that the agent has, each as a text: another one is what somebody allowed meanwhile */
export function createConsentDesk(held: () => Promise<readonly string[]>): ConsentDesk {
  const decided = new Map<string, Exclude<Decision, 'open'>>()
  const hearers = new Set<() => void>()
  const listeners = new Set<() => void>()

  return {
    async decision(page, seconds, signal) {
      const mark = pageMark(page)
      const until = performance.now() + seconds * 1000
      const before = new Set(await held())
      for (;;) {
        signal.throwIfAborted()
        const known = decided.get(mark)
        if (known) return known
        const left = until - performance.now()
        if (left <= 0) return 'open'
        await nextDecision(hearers, Math.min(look, left), signal)
        if (!decided.has(mark) && (await held()).some((permission) => !before.has(permission))) return 'allowed'
      }
    },
    isDenied: (mark) => decided.get(mark) === 'denied',
    note(state, decision) {
      if (state !== null) {
        const [oldest] = decided.keys()
        if (decided.size >= mostDecisions && oldest !== undefined) decided.delete(oldest)
        decided.set(stateMark(state), decision)
      }
      for (const hear of hearers) hear()
      if (decision === 'allowed') for (const listener of listeners) listener()
    },
    onAllowed: (callback) => void listeners.add(callback),
  }
}

/** Resolves at the next decision, after some time, or where the signal aborts. */
function nextDecision(hearers: Set<() => void>, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      hearers.delete(done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    hearers.add(done)
    signal.addEventListener('abort', done, { once: true })
  })
}

/** What an agent may do, each permission as a text: a token that is renewed, or ends, brings none. */
export function heldPermissions(tokens: readonly TokenSummary[]): string[] {
  return tokens.map(({ resource, authServer, scope }) => [resource, authServer, ...scope.toSorted()].join(' '))
}
