interface Flight<T> {
  promise: Promise<T>
  abort: AbortController
  waiters: number
}

/**
 * Runs one flight per key for everybody who waits for it. A waiter whose signal aborts leaves alone; when the last one
 * leaves, the flight itself is aborted.
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
  return async (key, signal, start) => {
    signal.throwIfAborted()
    let flight = flights.get(key)
    if (!flight) {
      const abort = new AbortController()
      const started: Flight<T> = { promise: start(abort.signal).finally(() => leave(key, started)), abort, waiters: 0 }
      flight = started
      flights.set(key, flight)
    }
    flight.waiters++
    const { promise, abort } = flight
    try {
      return await abortable(promise, signal)
    } finally {
      if (--flight.waiters === 0) {
        leave(key, flight)
        abort.abort(signal.reason)
      }
    }
  }
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason as Error)
        signal.addEventListener('abort', onAbort)
      }),
    ])
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort)
  }
}
