import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reEncodeLogo } from '../../../src/outbound/re-encode/re-encode-logo.js'
import {
  type Chunk,
  chunksOf,
  imageNames,
  patched,
  pixelsOf,
  plainPng,
  pngOf,
  pngSize,
  readImage,
} from '../../logos/images.js'
import { isLong } from '../../long.js'

// A slow machine may take longer than the time limit of a decoder.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const shown = imageNames.filter((name) => !name.endsWith('.gif'))

async function logoOf(bytes: Uint8Array): Promise<Uint8Array> {
  const outcome = await reEncodeLogo(bytes)
  if ('refusal' in outcome) throw new Error(outcome.refusal)
  return outcome.image
}

/** 200 MB in less than 200 kB. */
const zeros = deflateSync(Buffer.alloc(200_000_000), { level: 9 })

const white = [255, 255, 255, 255]

describe('reEncodeLogo', () => {
  it.each(shown)('creates a square PNG that contains only the pixels of %s', async (name) => {
    const logo = await logoOf(readImage(name))
    expect(pngSize(logo)).toEqual({ width: 96, height: 96 })
    expect(new Set(chunksOf(logo).map((chunk) => chunk.name))).toEqual(new Set(['IHDR', 'IDAT', 'IEND']))
    const pixel = pixelsOf(logo)
    // Above the image, in its corner, on the disc and on the bar across it.
    expect(pixel(48, 5)).toEqual(white)
    for (const channel of pixel(2, 20)) expect(channel).toBeGreaterThan(248)
    const [disc, bar] = [pixel(36, 48), pixel(48, 48)]
    expect(Math.max(...disc.slice(0, 3))).toBeLessThan(80)
    expect(Math.min(...bar.slice(0, 2))).toBeGreaterThan(170)
  })

  it.each(['exif.png', 'exif.jpg', 'exif.webp'])('strips the metadata of %s', async (name) => {
    expect(Buffer.from(readImage(name)).includes('SECRET-EXIF')).toBe(true)
    expect(Buffer.from(await logoOf(readImage(name))).includes('SECRET-EXIF')).toBe(false)
  })

  it.each(shown)('strips a page appended to %s', async (name) => {
    const page = Buffer.from('<script>alert(document.domain)</script>')
    const outcome = await reEncodeLogo(new Uint8Array([...readImage(name), ...page]))
    // Some decoders reject the appended data, which is fine too.
    if ('image' in outcome) expect(Buffer.from(outcome.image).includes('script')).toBe(false)
    else expect(name).toMatch(/webp$/)
  })

  it('rejects an image larger than 2048 pixels before decoding any of it', async () => {
    const bomb = plainPng(30_000, 30_000)
    expect(bomb.length).toBeLessThan(262_144)
    const before = process.memoryUsage().rss
    const { user } = process.cpuUsage()
    expect(await reEncodeLogo(bomb)).toEqual({ refusal: 'it is wider or higher than 2048 pixels' })
    expect(await reEncodeLogo(plainPng(2049, 1))).toEqual({ refusal: 'it is wider or higher than 2048 pixels' })
    expect(process.cpuUsage().user - user, 'in microseconds').toBeLessThan(1_000_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
  })

  it('accepts an image of 2048 pixels, and one as thin as a line', async () => {
    const black = await logoOf(plainPng(2048, 2048))
    expect(pixelsOf(black)(48, 48)).toEqual([0, 0, 0, 255])
    expect(pngSize(await logoOf(plainPng(2048, 1)))).toEqual({ width: 96, height: 96 })
  })

  it('rejects an image that is larger than its header says', async () => {
    const [header, ...rest] = chunksOf(plainPng(64, 40))
    const content = Buffer.from(header?.content ?? [])
    content.writeUInt32BE(4000, 0)
    const second = pngOf([header ?? { name: 'IHDR', content }, { name: 'IHDR', content }, ...rest])
    expect(await reEncodeLogo(second)).toHaveProperty('refusal')
  })

  it.each([
    ['a color profile', 'iCCP', 'icc\0\0'],
    ['a text chunk', 'zTXt', 'a\0\0'],
    ['an international text chunk', 'iTXt', 'a\0\x01\0\0\0'],
    ['the image data', 'IDAT', ''],
  ])('does not decompress %s that is far larger than the image', async (_what, name, start) => {
    const content = Buffer.concat([Buffer.from(start, 'latin1'), zeros])
    const [header, pixels, end] = chunksOf(plainPng(64, 40)) as [Chunk, Chunk, Chunk]
    const bomb = pngOf([header, { name, content }, ...(name === 'IDAT' ? [end] : [pixels, end])])
    expect(bomb.length).toBeLessThan(262_144)
    const before = process.memoryUsage().rss
    let most = before
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss)
    }, 2)
    expect(await reEncodeLogo(bomb)).toHaveProperty('image')
    clearInterval(timer)
    expect(most - before).toBeLessThan(300_000_000)
  })

  it('rejects an image that hides a far larger one: 268 million pixels in a WebP of 64 × 40', async () => {
    const whole = readImage('lossless.webp')
    const frame = whole.subarray(Buffer.from(whole).indexOf('VP8L'))
    const large = patched(frame, 9, 0xff, 0xff, 0xff, 0x0f)
    const canvas = Buffer.from('VP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x27\0\0', 'latin1')
    const size = Buffer.alloc(4)
    const bomb = (content: Uint8Array) => {
      size.writeUInt32LE(4 + canvas.length + content.length)
      return new Uint8Array(Buffer.concat([Buffer.from('RIFF'), size, Buffer.from('WEBP'), canvas, content]))
    }
    expect(await reEncodeLogo(bomb(frame))).toHaveProperty('image')
    expect(await reEncodeLogo(bomb(large))).toEqual({ refusal: 'it is not a well-formed PNG, JPEG or WebP' })
  })

  it('rejects a PNG whose chunks have no end', async () => {
    const chunks = chunksOf(plainPng(64, 40))
    expect(await reEncodeLogo(pngOf(chunks.slice(0, -1)))).toEqual({ refusal: 'its PNG chunks are malformed' })
    expect(await reEncodeLogo(patched(pngOf(chunks), 33, 1))).toEqual({ refusal: 'its PNG chunks are malformed' })
  })

  it('stops after five seconds if decoding would take far longer', async () => {
    vi.useRealTimers()
    const jpeg = Buffer.from(readImage('progressive.jpg'))
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc2]))
    const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]))
    jpeg.writeUInt16BE(2048, frame + 5)
    jpeg.writeUInt16BE(2048, frame + 7)
    const scans = Array.from({ length: 12_000 }, () => jpeg.subarray(scan, scan + 20))
    const bomb = new Uint8Array(Buffer.concat([jpeg.subarray(0, scan), ...scans, jpeg.subarray(scan)]))
    expect(bomb.length).toBeLessThan(262_144)
    expect(await reEncodeLogo(bomb)).toEqual({ refusal: 'it takes longer than 5000 ms to decode' })
  })

  it('keeps the event loop free while it decodes', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    expect(await reEncodeLogo(plainPng(2048, 2048))).toHaveProperty('image')
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
  })

  it.each([
    'rgba.png',
    'interlaced.png',
    'exif.jpg',
    'progressive.jpg',
    'cmyk.jpg',
    'lossy.webp',
    'lossless.webp',
    'alpha.webp',
    'animated.webp',
  ])('returns a logo or a reason for %s, wherever it is truncated or changed', async (name) => {
    const bytes = readImage(name)
    const random = randomFrom(name)
    const damaged = Array.from({ length: isLong ? 12 : 6 }, (_, index) => {
      const at = 12 + Math.floor(random() * (bytes.length - 12))
      return index % 3 === 0 ? bytes.slice(0, at) : patched(bytes, at, Math.floor(random() * 256))
    })
    for (const given of damaged) {
      const outcome = await reEncodeLogo(given)
      if ('image' in outcome) expect(pngSize(outcome.image)).toEqual({ width: 96, height: 96 })
      else expect(outcome.refusal).toEqual(expect.any(String))
    }
  })
})

/** The same pseudo-random numbers each time, different for each name. */
function randomFrom(name: string): () => number {
  let state = Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
