/** What the pixels of the one picture are made of. */
const pixelChunks = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'])

/**
 * A PNG without all that is not pixels: a colour profile of a few bytes can unpack to gigabytes, and animations and
 * texts are not shown. Undefined where its chunks do not follow each other up to the last.
 */
export function barePng(png: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength)
  const kept = [bytes.subarray(0, 8)]
  let at = 8
  while (at + 12 <= bytes.length) {
    const name = bytes.toString('latin1', at + 4, at + 8)
    const end = at + 12 + bytes.readUInt32BE(at)
    if (pixelChunks.has(name)) kept.push(bytes.subarray(at, end))
    if (name === 'IEND') return new Uint8Array(Buffer.concat(kept))
    at = end
  }
  return undefined
}
