import type { ConsentWay } from 'countersign/agent'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'

/** The time that a request has, without that which a person takes. */
export interface Deadline {
  signal: AbortSignal
  /** The same way to ask; while it does, no time passes. */
  pausedBy(way: ConsentWay): ConsentWay
  stop(): void
}

/** @param seconds undefined: there is no limit */
export function createDeadline(seconds: number | undefined): Deadline {
  const abort = new AbortController()
  let left = (seconds ?? 0) * 1000
  let since = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  function run(): void {
    if (seconds === undefined) return
    since = performance.now()
    timer = setTimeout(() => {
      const why = `There was no whole answer within ${seconds} s.`
      abort.abort(new CommandError(why, { exitCode: exitStatus.network }))
    }, left)
  }

  function halt(): void {
    clearTimeout(timer)
    left -= performance.now() - since
  }

  function beginAsking(): void {
    if (++asked === 1) halt()
  }

  function endAsking(): void {
    if (--asked === 0) run()
  }

  run()
  return {
    signal: abort.signal,
    stop: () => clearTimeout(timer),
    pausedBy: (way) => ({
      canAsk: way.canAsk,
      redirectUri: way.redirectUri,
      async open(answer, before) {
        const opened = await way.open(answer, before)
        let isAsked = false
        return {
          redirectUri: opened.redirectUri,
          ask(consent) {
            if (!isAsked) beginAsking()
            isAsked = true
            return opened.ask(consent)
          },
          close() {
            opened.close()
            if (isAsked) endAsking()
          },
        }
      },
      tellElsewhere(consent) {
        beginAsking()
        consent.signal.addEventListener('abort', endAsking, { once: true })
        return way.tellElsewhere?.(consent)
      },
    }),
  }
}
