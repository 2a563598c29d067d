import { AAuthError } from './errors.js'

/** All bytes of a stream. Rejects with `body_too_large` beyond the limit, and cancels the stream without waiting for it. */
export async function readStream(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > limit) {
      const refusal = new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
      // One branch of a clone is only done cancelling when the other is: waiting for it could be for ever.
      reader.cancel(refusal).catch(() => undefined)
      throw refusal
    }
    chunks.push(value)
  }
  return joinChunks(chunks, length)
}

/** Chunks of `length` bytes in all as one. */
export function joinChunks(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** What was read for another reader, who may have wanted more: refused beyond this reader's limit. */
export async function withinLimit(read: Promise<Uint8Array>, limit: number): Promise<Uint8Array> {
  const bytes = await read
  if (bytes.length > limit) throw new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
  return bytes
}

/**
 * Copies a chunk behind what there is, into more room where it needs that; gives the room. A chunk of one byte may hold all of the
 * buffer that it was cut out of, so that chunks are not kept as they come.
 *
 * @param length bytes of the room that are taken
 */
export function appendChunk(room: Uint8Array, length: number, chunk: Uint8Array): Uint8Array {
  const end = length + chunk.length
  let enough = room
  if (end > room.length) {
    enough = new Uint8Array(length > 0 ? 2 * end : end)
    enough.set(room)
  }
  enough.set(chunk, length)
  return enough
}
