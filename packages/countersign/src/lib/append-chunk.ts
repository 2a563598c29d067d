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
