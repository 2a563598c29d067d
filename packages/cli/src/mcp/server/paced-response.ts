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
