/**
 * Runs one flight per key for everybody who waits for it. A waiter whose signal aborts leaves alone; when the last one
 * leaves, the flight itself is aborted.
 */
export function createSharedFlights<T>(): (
  key: string,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
) => Promise<T> {
  const flights = new Map<string, { promise: Promise<T>; abort: AbortController; waiters: number }>()
  return async (key, signal, start) => {
    signal.throwIfAborted()
    let flight = flights.get(key)
    if (!flight) {
      const abort = new AbortController()
      const promise = start(abort.signal).finally(() => flights.delete(key))
      flight = { promise, abort, waiters: 0 }
      flights.set(key, flight)
    }
    flight.waiters++
    const { promise, abort } = flight
    try {
      return await abortable(promise, signal)
    } finally {
      if (--flight.waiters === 0) abort.abort(signal.reason)
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
