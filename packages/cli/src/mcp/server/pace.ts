/** A response that waits for `ready` before each chunk, so that it is read no faster than another side reads. */
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

/** Limits concurrent requests that a server causes, without holding up what else it sends. */
export interface Sending {
  /** @throws Error where too many wait for their turn */
  inTurn<T>(send: () => Promise<T>): Promise<T>
  /** Resolves when those that waited before have been sent. */
  room(): Promise<void>
}

/** Most concurrent requests. */
const mostSending = 20

/** Most that wait for their turn: as many requests as a server may send during one call. */
const mostWaiting = 1000

/** At most 20 at once; the others wait in order. */
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
      if (waiting.length >= mostWaiting) throw new Error('too many others wait to be sent')
      return take(send)
    },
    room: () => take(async () => undefined),
  }
}
