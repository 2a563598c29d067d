/** Unix seconds by the system clock. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}

/** Unix seconds by the system clock, with fractions, to order events. */
export function preciseClock(): number {
  return Date.now() / 1000
}

/** Resolves after a number of milliseconds. Rejects if the signal aborts first. */
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
