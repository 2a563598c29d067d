import { AAuthError } from './errors.js'

/**
 * Reads all bytes of a stream. Rejects with `body_too_large` if it exceeds the limit, and cancels the stream without waiting for the
 * cancellation.
 */
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
      // Cancelling one branch of a clone does not complete until the other branch is also cancelled, so waiting for it could take forever.
      reader.cancel(refusal).catch(() => undefined)
      throw refusal
    }
    chunks.push(value)
  }
  return joinChunks(chunks, length)
}

/** Concatenates chunks of `length` bytes in total. */
export function joinChunks(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** Applies a reader's limit to a body that was read for another reader, whose limit may have been larger. */
export async function withinLimit(read: Promise<Uint8Array>, limit: number): Promise<Uint8Array> {
  const bytes = await read
  if (bytes.length > limit) throw new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
  return bytes
}

/**
 * Appends a chunk to a buffer, growing it if necessary, and returns the buffer. Chunks are not stored as they arrive, because a chunk of
 * one byte may retain the whole buffer of which it is a slice.
 *
 * @param length number of bytes in use
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
