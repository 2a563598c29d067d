import { whenEnded } from '../until-ended.js'
import type { AdmissionTools, AdmittedMessage } from './admit-message.js'

/** Milliseconds between two looks whether anybody has allowed anything in a session. */
const interval = 1000

/** At how many looks the sessions that all instances share are asked, too. */
const looksToShared = 4

/**
 * Calls back when what allows a stream ends; gives what stops looking. A stream that was opened before anybody had allowed anything
 * goes on by what is shown in its session later, and ends with that (attacks M21).
 */
export function whenStreamEnds(
  { resource, sessions, shown, now }: AdmissionTools,
  { verified, caller, session: admitted }: AdmittedMessage,
  onEnd: () => void,
): () => void {
  if (verified.authorization || !admitted) return whenEnded(resource, verified, onEnd)
  const session = admitted.id
  let looks = 0
  let isStopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop = () => {
    clearTimeout(timer)
  }

  function follow(allowed: NonNullable<ReturnType<typeof shown.get>>): void {
    stop = whenEnded(resource, allowed, () => {
      const newer = shown.get(session, now())
      if (newer && newer !== allowed) follow(newer)
      else onEnd()
    })
  }

  /** Whether the session is still one that nobody has allowed anything in, wherever it was used. */
  async function isNobodys(): Promise<boolean> {
    try {
      const owner = await sessions.use(session, caller)
      return owner !== undefined && owner.person === undefined
    } catch {
      // As good as lost: who is still there opens the stream again.
      return false
    }
  }

  async function look(): Promise<void> {
    looks++
    const holds = looks % looksToShared !== 0 || (await isNobodys())
    if (isStopped) return
    const allowed = shown.get(session, now())
    if (allowed) follow(allowed)
    else if (holds) wait()
    else onEnd()
  }

  function wait(): void {
    timer = setTimeout(() => void look(), interval)
    if (typeof timer === 'object') timer.unref()
  }

  wait()
  return () => {
    isStopped = true
    stop()
  }
}
