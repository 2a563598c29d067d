import type { WrittenAgent } from '../agent-folder/agent-folder.js'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Look } from '../own-agent/look.js'

/** Since when both keys are seen where they are published; undefined where they are not both there. */
export function knownSince({ since }: WrittenAgent, look: Look, now: number): number | undefined {
  if (look.outcome === 'unreachable') return since
  // A clock that was put back would have it wait too long.
  return look.hasBothKeys ? Math.min(since ?? now, now) : undefined
}

/** Seconds until nobody keeps the old set of keys any more. */
export function secondsToWait(since: number, { cacheSeconds }: Look, now: number): number {
  return Math.max(0, since + cacheSeconds - now)
}

/** @throws CommandError where others may not know the next key yet, with when to come back */
export function requireKnown({ id, since }: WrittenAgent, look: Look, now: number): void {
  if (look.outcome === 'unreachable')
    throw new CommandError([`${id} could not be looked at, so the old key goes on.`, ...look.problems].join(' '), {
      exitCode: exitStatus.network,
    })
  if (since === undefined || !look.hasBothKeys) {
    const mend = look.problems.length > 0 ? look.problems : ['Upload the new jwks.json.']
    throw new CommandError([`${id} does not publish both keys yet, so the old one goes on.`, ...mend].join(' '))
  }
  const seconds = secondsToWait(since, look, now)
  if (seconds > 0)
    throw new CommandError(
      `Others may know the old key alone for ${inMinutes(seconds)} more: run countersign init --rotate again then, or with --now if requests may fail.`,
    )
}

/** Whole minutes in words, rounded up. */
export function inMinutes(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  return `${minutes} minute${minutes === 1 ? '' : 's'}`
}
