/** The data in an image's header, read before any of the image is decoded. */
interface ImageHeader {
  format: 'png' | 'jpeg' | 'webp'
  /** Pixels. */
  width: number
  height: number
}

interface Frame {
  width: number
  height: number
}

/**
 * Reads the format and size from the bytes themselves, regardless of the declared media type. Returns undefined for anything except a PNG,
 * JPEG or WebP that is well formed up to the point where its size is declared: a decoder that skips garbage could find a different size.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const [format, readSize] of readers) {
    const size = readSize(view)
    if (size && size.width > 0 && size.height > 0) return { format, ...size }
  }
  return undefined
}

const readers: readonly (readonly [ImageHeader['format'], (view: DataView) => Frame | undefined])[] = [
  ['png', readPng],
  ['jpeg', readJpeg],
  ['webp', readWebp],
]

function readPng(view: DataView): Frame | undefined {
  if (view.byteLength < 33 || view.getBigUint64(0) !== 0x89504e470d0a1a0an) return undefined
  if (view.getUint32(8) !== 13 || textAt(view, 12) !== 'IHDR') return undefined
  return { width: view.getUint32(16), height: view.getUint32(20) }
}

function readJpeg(view: DataView): Frame | undefined {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return undefined
  let at = 2
  while (at + 9 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) {
      at += 1 // Fill bytes of 0xff may precede a marker.
      continue
    }
    if (isFrameHeader(marker)) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) }
    const length = view.getUint16(at + 2)
    if (!isSegment(marker) || length < 2) return undefined
    at += 2 + length
  }
  return undefined
}

/** SOF0 to SOF15, except DHT, JPG and DAC, which lie between them. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
}

/** A marker with a length that may precede the frame header: tables, application data and comments. */
function isSegment(marker: number): boolean {
  return [0xc4, 0xcc, 0xdb, 0xdd, 0xfe].includes(marker) || (marker >= 0xe0 && marker <= 0xef)
}

function readWebp(view: DataView): Frame | undefined {
  if (view.byteLength < 30 || textAt(view, 0) !== 'RIFF' || textAt(view, 8) !== 'WEBP') return undefined
  const end = 8 + view.getUint32(4, true)
  if (end > view.byteLength) return undefined
  if (textAt(view, 12) !== 'VP8X') return framesIn(view, 12, end)?.[0]
  const canvas = { width: 1 + uint24At(view, 24), height: 1 + uint24At(view, 27) }
  const frames = framesIn(view, 12, end)
  // A frame larger than its canvas would be decoded at its own size.
  const fits = frames?.every(({ width, height }) => width <= canvas.width && height <= canvas.height)
  return fits ? canvas : undefined
}

/** Returns the frames between two offsets, if chunks fill the range without gaps. The frames of an animation are nested. */
function framesIn(view: DataView, start: number, end: number): Frame[] | undefined {
  const frames: Frame[] = []
  let at = start
  while (at + 8 <= end) {
    const name = textAt(view, at)
    const length = view.getUint32(at + 4, true)
    const content = at + 8
    if (content + length > end) return undefined
    const found =
      name === 'ANMF' ? framesIn(view, content + 16, content + length) : frameIn(view, name, content, length)
    if (!found) return undefined
    frames.push(...found)
    at = content + length + (length % 2)
  }
  return frames.length === 0 ? undefined : frames
}

function frameIn(view: DataView, name: string, at: number, length: number): Frame[] | undefined {
  if (name === 'VP8 ') {
    if (length < 10) return undefined
    return [{ width: view.getUint16(at + 6, true) & 0x3fff, height: view.getUint16(at + 8, true) & 0x3fff }]
  }
  if (name === 'VP8L') {
    if (length < 5) return undefined
    const bits = view.getUint32(at + 1, true)
    return [{ width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) }]
  }
  return []
}

function textAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)))
}

function uint24At(view: DataView, at: number): number {
  return view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
}

/** The chunks that make up the pixels of the single image. */
const pixelChunks = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'])

/**
 * Strips everything except pixels from a PNG: a color profile of a few bytes can unpack to gigabytes, and animations and text chunks are
 * not shown. Returns undefined if the chunks are not contiguous up to the last one.
 */
export function stripPng(png: Uint8Array): Uint8Array | undefined {
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
