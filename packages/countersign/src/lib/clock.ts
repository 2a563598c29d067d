/** Unix seconds by the system clock. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}

/** The same with fractions, to tell what came first. */
export function preciseClock(): number {
  return Date.now() / 1000
}

/** Resolves after some milliseconds; rejects when the signal aborts before. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const giveUp = () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', giveUp, { once: true })
  })
}
