import { readdirSync, readFileSync } from 'node:fs'
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const folder = new URL('./images/', import.meta.url)

/** Images of 64 × 40 pixels with a disc in the middle, encoded by another library (libvips). */
export const imageNames = readdirSync(folder).toSorted()

export function readImage(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(name, folder)))
}

/** The bytes with others inserted at or after a position. */
export function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes)
  copy.set(values, at)
  return copy
}

export interface Chunk {
  name: string
  content: Buffer
}

/** The chunks of a PNG, which must fill it to the end. */
export function chunksOf(png: Uint8Array): Chunk[] {
  const bytes = Buffer.from(png)
  const chunks: Chunk[] = []
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    chunks.push({ name: bytes.toString('latin1', at + 4, at + 8), content: bytes.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return chunks
}

/** The dimensions that a PNG declares, or undefined if it is not a PNG. */
export function pngSize(bytes: Uint8Array): { width: number; height: number } | undefined {
  const png = Buffer.from(bytes)
  if (png.toString('latin1', 0, 8) !== '\u0089PNG\r\n\u001a\n' || png.toString('latin1', 12, 16) !== 'IHDR')
    return undefined
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) }
}

/** A PNG made of chunks, with correct checksums. */
export function pngOf(chunks: readonly Chunk[]): Uint8Array<ArrayBuffer> {
  const parts = chunks.flatMap(({ name, content }) => {
    const named = Buffer.concat([Buffer.from(name, 'latin1'), content])
    return [uint32(content.length), named, uint32(crc32(named))]
  })
  return new Uint8Array(Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]))
}

/** A PNG in a single color, of the given dimensions, in few bytes: a decompression bomb if it is large. */
export function plainPng(width: number, height: number): Uint8Array<ArrayBuffer> {
  const header = Buffer.concat([uint32(width), uint32(height), Buffer.from([1, 0, 0, 0, 0])])
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height), { level: 9 })
  return pngOf([
    { name: 'IHDR', content: header },
    { name: 'IDAT', content: rows },
    { name: 'IEND', content: Buffer.alloc(0) },
  ])
}

/** The pixels of a PNG with 8 bits per channel, with or without alpha. */
export function pixelsOf(png: Uint8Array): (x: number, y: number) => number[] {
  const chunks = chunksOf(png)
  const width = chunks[0]?.content.readUInt32BE(0) ?? 0
  const data = inflateSync(Buffer.concat(chunks.filter(({ name }) => name === 'IDAT').map(({ content }) => content)))
  const channels = chunks[0]?.content[9] === 6 ? 4 : 3
  const stride = width * channels
  const pixels = Buffer.alloc((data.length / (stride + 1)) * stride)
  for (let row = 0; row * (stride + 1) < data.length; row++) {
    const filter = data[row * (stride + 1)]
    for (let at = 0; at < stride; at++) {
      const to = row * stride + at
      const left = at < channels ? 0 : (pixels[to - channels] as number)
      const up = row === 0 ? 0 : (pixels[to - stride] as number)
      const corner = at < channels || row === 0 ? 0 : (pixels[to - stride - channels] as number)
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter as number] as number
      pixels[to] = ((data[row * (stride + 1) + 1 + at] as number) + guess) & 0xff
    }
  }
  return (x, y) => [...pixels.subarray(y * stride + x * channels, y * stride + x * channels + channels)]
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
