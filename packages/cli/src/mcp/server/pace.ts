/** Wraps a response to await `ready` before each chunk, so that it is not read faster than the other side reads. */
export function pacedResponse(response: Response, ready: () => Promise<void>): Response {
  const { body, status, statusText, headers } = response
  if (!body) return response
  const paced = new TransformStream<Uint8Array, Uint8Array>({
    async transform(piece, controller) {
      await ready()
      controller.enqueue(piece)
    },
  })
  return new Response((body as ReadableStream<Uint8Array>).pipeThrough(paced), { status, statusText, headers })
}

/** Limits the concurrent requests that a server causes, without delaying its other messages. */
export interface Sending {
  /** @throws Error if too many requests are queued */
  inTurn<T>(send: () => Promise<T>): Promise<T>
  /** Resolves when all requests that were queued earlier have been sent. */
  room(): Promise<void>
}

/** Maximum number of concurrent requests. */
const mostSending = 20

/** Maximum queue length: the number of requests that a server may send during one call. */
const maxWaiting = 1000

/** Creates a queue that sends up to 20 requests at once, and the remaining ones in order. */
export function createSending(): Sending {
  let sending = 0
  const waiting: (() => void)[] = []

  async function take<T>(send: () => Promise<T>): Promise<T> {
    if (sending < mostSending) sending++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await send()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else sending--
    }
  }

  return {
    async inTurn(send) {
      if (waiting.length >= maxWaiting) throw new Error('too many requests are queued')
      return take(send)
    },
    room: () => take(async () => undefined),
  }
}
