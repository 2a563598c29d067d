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

/** Counts what is on its way to a server. */
export interface Sending {
  count<T>(sent: Promise<T>): Promise<T>
  /** Resolves when there is not too much of it. */
  room(): Promise<void>
}

/** Most requests that are on their way while more is read. */
const mostSending = 20

export function createSending(): Sending {
  const sending = new Set<Promise<unknown>>()
  return {
    count(sent) {
      const end = sent.then(
        () => void sending.delete(end),
        () => void sending.delete(end),
      )
      sending.add(end)
      return sent
    },
    async room() {
      while (sending.size >= mostSending) await Promise.race(sending)
    },
  }
}
