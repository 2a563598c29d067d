/** An answer that is read no faster than somebody else reads: before each piece of it `ready` is waited for. */
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

/** Sends what a server makes the bridge send: little at once, while what it says is read on. */
export interface Sending {
  /** @throws Error where too much waits for its turn already */
  inTurn<T>(send: () => Promise<T>): Promise<T>
  /** Resolves when what waited before has had its turn. */
  room(): Promise<void>
}

/** Most requests that are on their way at once. */
const mostSending = 20

/** Most that wait for their turn: as many as a server may ask in one call. */
const mostWaiting = 1000

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
