import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])

/** The bytes of the pixels of a screenshot: 8-bit RGB, not interlaced, each row after the byte with its filter. */
function readScreenshot(png) {
  const data = []
  let width = 0
  for (let offset = 8; offset < png.length; ) {
    const length = png.readUInt32BE(offset)
    const type = png.toString('latin1', offset + 4, offset + 8)
    const content = png.subarray(offset + 8, offset + 8 + length)
    if (type === 'IHDR') {
      width = content.readUInt32BE(0)
      if (content[8] !== 8 || content[9] !== 2 || content[12] !== 0) throw new Error('not a PNG as Chromium writes it')
    }
    if (type === 'IDAT') data.push(content)
    offset += length + 12
  }
  return { width, filtered: inflateSync(Buffer.concat(data)) }
}

/** Paeth's predictor: the neighbor that is closest to left + above - corner. */
function predict(left, above, corner) {
  const [toLeft, toAbove, toCorner] = [above - corner, left - corner, left + above - 2 * corner].map(Math.abs)
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}

/** Undoes the filter of each row. */
function unfilter({ width, filtered }) {
  const stride = width * 3
  const height = filtered.length / (stride + 1)
  const pixels = Buffer.alloc(stride * height)
  for (let row = 0; row < height; row++) {
    const filter = filtered[row * (stride + 1)]
    for (let column = 0; column < stride; column++) {
      const at = row * stride + column
      const left = column < 3 ? 0 : pixels[at - 3]
      const above = row === 0 ? 0 : pixels[at - stride]
      const corner = row === 0 || column < 3 ? 0 : pixels[at - stride - 3]
      const added = [0, left, above, (left + above) >> 1, predict(left, above, corner)][filter]
      pixels[at] = filtered[row * (stride + 1) + 1 + column] + added
    }
  }
  return { width, height, pixels }
}

function chunk(type, content) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/** A screenshot with 256 colors, in a third of the bytes. Shades of the edges of letters that differ least become one. */
export function shrinkPng(png) {
  const { width, height, pixels } = unfilter(readScreenshot(png))
  for (let lost = 0; lost < 8; lost++) {
    const palette = new Map()
    const rows = Buffer.alloc((width + 1) * height)
    for (let at = 0; at < width * height && palette.size <= 256; at++) {
      const color = pixels.subarray(at * 3, at * 3 + 3)
      const key = ((color[0] >> lost) << 16) | ((color[1] >> lost) << 8) | (color[2] >> lost)
      if (!palette.has(key)) palette.set(key, { index: palette.size, color })
      rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = palette.get(key).index
    }
    if (palette.size > 256) continue
    const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0])
    header.writeUInt32BE(width, 0)
    header.writeUInt32BE(height, 4)
    const colors = Buffer.concat([...palette.values()].map(({ color }) => color))
    return Buffer.concat([
      signature,
      chunk('IHDR', header),
      chunk('PLTE', colors),
      chunk('IDAT', deflateSync(rows, { level: 9 })),
      chunk('IEND', Buffer.alloc(0)),
    ])
  }
  throw new Error('unreachable: without its bits, every color is the same')
}
