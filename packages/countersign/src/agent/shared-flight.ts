interface Flight<T> {
  promise: Promise<T>
  abort: AbortController
  waiters: number
}

/**
 * Runs one flight per key for everybody who waits for it. A waiter whose signal aborts leaves alone; when the last one
 * leaves, the flight itself is aborted, and whoever comes next starts a new one.
 */
export function createSharedFlights<T>(): (
  key: string,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
) => Promise<T> {
  const flights = new Map<string, Flight<T>>()
  const leave = (key: string, flight: Flight<T>) => {
    if (flights.get(key) === flight) flights.delete(key)
  }
  const launch = (key: string, start: (signal: AbortSignal) => Promise<T>) => {
    const abort = new AbortController()
    const flight: Flight<T> = { promise: start(abort.signal).finally(() => leave(key, flight)), abort, waiters: 0 }
    flights.set(key, flight)
    return flight
  }
  return async (key, signal, start) => {
    signal.throwIfAborted()
    const flight = flights.get(key) ?? launch(key, start)
    flight.waiters++
    let onAbort: () => void = () => undefined
    const givenUp = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(signal.reason as Error)
        if (--flight.waiters > 0) return
        leave(key, flight)
        flight.abort.abort(signal.reason)
      }
    })
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([flight.promise, givenUp])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
