import { describe, expect, it } from 'vitest'
import { readImageHeader, stripPng } from '../../../src/outbound/re-encode/image-header.js'
import { imageNames, patched, plainPng, readImage } from '../../logos/images.js'

const formatOf = (name: string) => (name.endsWith('.jpg') ? 'jpeg' : name.slice(name.lastIndexOf('.') + 1))
const shown = imageNames.filter((name) => !name.endsWith('.gif'))

/** The offsets of a sequence of bytes. */
function indexOf(bytes: Uint8Array, ...sequence: number[]): number {
  const at = Buffer.from(bytes).indexOf(Buffer.from(sequence))
  expect(at).toBeGreaterThan(-1)
  return at
}

const text = (value: string) => new Uint8Array(Buffer.from(value, 'latin1'))
const ascii = (value: string) => [...text(value)]

describe('readImageHeader', () => {
  it.each(shown)('reads the size of %s', (name) => {
    expect(readImageHeader(readImage(name))).toEqual({ format: formatOf(name), width: 64, height: 40 })
  })

  it.each([
    ['an SVG', text('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="40"><script>alert(1)</script></svg>')],
    ['an HTML page', text('<!DOCTYPE html><script>alert(1)</script>')],
    ['a GIF', readImage('animated.gif')],
    ['an AVIF', text(`\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf${'\0'.repeat(64)}`)],
    ['an ICO', text(`\0\0\x01\0\x01\0\x10\x10${'\0'.repeat(64)}`)],
    ['a BMP', text(`BM${'\0'.repeat(64)}`)],
    ['a TIFF', text(`II*\0${'\0'.repeat(64)}`)],
    ['a PDF', text(`%PDF-1.7\n${'\0'.repeat(64)}`)],
    ['nothing', new Uint8Array()],
    ['a PNG after a line break', new Uint8Array([10, ...readImage('rgba.png')])],
    ['a PNG without width', plainPng(0, 40)],
    ['a PNG without height', patched(readImage('rgba.png'), 20, 0, 0, 0, 0)],
    ['a PNG whose first chunk is not its header', patched(readImage('rgba.png'), 12, ...ascii('IDAT'))],
    ['a PNG whose header has another length', patched(readImage('rgba.png'), 8, 0, 0, 0, 14)],
    ['a RIFF that is not a WebP', patched(readImage('lossy.webp'), 8, ...ascii('WAVE'))],
    ['a WebP longer than its file', patched(readImage('lossy.webp'), 7, 1)],
  ])('refuses %s', (_name, bytes) => {
    expect(readImageHeader(bytes)).toBeUndefined()
  })

  describe('a JPEG', () => {
    const jpeg = readImage('exif.jpg')
    const frame = indexOf(jpeg, 0xff, 0xc0)
    const inserted = (...bytes: number[]) =>
      new Uint8Array([...jpeg.subarray(0, frame), ...bytes, ...jpeg.subarray(frame)])

    it('may have padded markers', () => {
      expect(readImageHeader(inserted(0xff, 0xff, 0xff))).toMatchObject({ width: 64, height: 40 })
    })

    it.each([
      ['with bytes between its segments', inserted(0)],
      ['with a bare marker before its frame', inserted(0xff, 0xd0)],
      ['with a scan before its frame', inserted(0xff, 0xda, 0, 2)],
      ['with an unknown segment before its frame', inserted(0xff, 0x02, 0, 2)],
      ['with a segment shorter than its length', inserted(0xff, 0xe1, 0, 1)],
      ['truncated before its frame', jpeg.subarray(0, frame)],
      ['whose height is defined later', patched(jpeg, frame + 5, 0, 0)],
    ])('is refused %s', (_name, bytes) => {
      expect(readImageHeader(bytes)).toBeUndefined()
    })
  })

  describe('a WebP', () => {
    const alpha = readImage('alpha.webp')
    const animated = readImage('animated.webp')

    it('is rejected if a frame is larger than the canvas', () => {
      const inner = indexOf(alpha, ...ascii('VP8 '))
      expect(readImageHeader(patched(alpha, inner + 8 + 6, 0xff, 0x3f, 0xff, 0x3f))).toBeUndefined()
      const [exif, bitstream] = [readImage('exif.webp'), indexOf(readImage('lossless.webp'), ...ascii('VP8L'))]
      expect(readImageHeader(exif)).toBeDefined()
      const lossless = readImage('lossless.webp').subarray(bitstream)
      const canvas = [...ascii('VP8X'), 10, 0, 0, 0, 0, 0, 0, 0, 62, 0, 0, 39, 0, 0]
      const size = 4 + canvas.length + lossless.length
      const narrow = [...ascii('RIFF'), size & 255, size >> 8, 0, 0, ...ascii('WEBP'), ...canvas, ...lossless]
      expect(readImageHeader(new Uint8Array(narrow))).toBeUndefined()
      expect(readImageHeader(patched(new Uint8Array(narrow), 24, 63))).toMatchObject({ width: 64, height: 40 })
    })

    it('is rejected if an animation frame is larger than the canvas', () => {
      const inner = Buffer.from(animated).lastIndexOf('VP8')
      const lossless = animated[inner + 3] === 0x4c
      const size = inner + 8 + (lossless ? 1 : 6)
      expect(readImageHeader(patched(animated, size, 0xff, 0x3f, 0xff, 0x3f))).toBeUndefined()
    })

    it('is rejected if its chunks do not fill it', () => {
      const inner = indexOf(alpha, ...ascii('ALPH'))
      expect(readImageHeader(patched(alpha, inner + 6, 1))).toBeUndefined()
    })

    it('is rejected without a frame', () => {
      const inner = indexOf(alpha, ...ascii('VP8 '))
      expect(readImageHeader(patched(alpha, inner, ...ascii('VP9 ')))).toBeUndefined()
    })
  })

  it.each(shown)('never reads past the end of %s, wherever it is truncated', (name) => {
    const bytes = readImage(name)
    for (let length = 0; length < bytes.length; length++) {
      const header = readImageHeader(bytes.subarray(0, length))
      if (header) expect(header).toMatchObject({ width: 64, height: 40 })
    }
  })
})

describe('the bounds of a header', () => {
  const png = readImage('rgba.png')
  const jpeg = readImage('exif.jpg')
  const frame = indexOf(jpeg, 0xff, 0xc0)
  const size = { width: 64, height: 40 }

  it.each([
    ['a PNG', png, 33],
    ['a JPEG', jpeg, frame + 9],
    ['a WebP', readImage('lossy.webp'), readImage('lossy.webp').length],
  ])('%s is read once its size is there', (_name, bytes, length) => {
    expect(readImageHeader(bytes.subarray(0, length))).toMatchObject(size)
    expect(readImageHeader(bytes.subarray(0, length - 1))).toBeUndefined()
  })

  it('every marker of a frame is one, and no other', () => {
    const markers = Array.from({ length: 16 }, (_, index) => 0xc0 + index)
    const read = markers.filter((marker) => readImageHeader(patched(jpeg, frame + 1, marker)))
    expect(read).toEqual(markers.filter((marker) => ![0xc4, 0xc8, 0xcc].includes(marker)))
  })

  it('tables, application data and comments may precede a frame, and nothing else', () => {
    const markers = Array.from({ length: 0x3f }, (_, index) => 0xc0 + index).filter(
      (marker) => marker < 0xc0 || marker > 0xcf || [0xc4, 0xc8, 0xcc].includes(marker),
    )
    const before = (marker: number) =>
      new Uint8Array([...jpeg.subarray(0, frame), 0xff, marker, 0, 2, ...jpeg.subarray(frame)])
    const application = Array.from({ length: 16 }, (_, index) => 0xe0 + index)
    expect(markers.filter((marker) => readImageHeader(before(marker)))).toEqual([
      0xc4,
      0xcc,
      0xdb,
      0xdd,
      ...application,
      0xfe,
    ])
  })

  it('the bits of a WebP that say something else do not count', () => {
    const lossy = readImage('lossy.webp')
    const lossless = readImage('lossless.webp')
    expect(readImageHeader(patched(lossy, 27, 0x40, 40, 0x80))).toMatchObject(size)
    expect(readImageHeader(patched(lossless, 24, (lossless[24] ?? 0) | 0xf0))).toMatchObject(size)
  })
})

describe('stripPng', () => {
  const signature = [0x89, ...ascii('PNG\r\n\x1a\n')]
  const chunk = (name: string, ...data: number[]) => [0, 0, 0, data.length, ...ascii(name), ...data, 1, 2, 3, 4]
  const strip = (...chunks: number[][]) => stripPng(new Uint8Array([...signature, ...chunks.flat()]))

  it('keeps pixels, and nothing else or later', () => {
    const pixels = ['IHDR', 'PLTE', 'tRNS', 'IDAT'].map((name) => chunk(name, 7, 8))
    const others = ['iCCP', 'tEXt', 'acTL', 'eXIf'].map((name) => chunk(name, 9))
    const mixed = pixels.flatMap((each, index) => [each, others[index] ?? []])
    const kept = new Uint8Array([...signature, ...pixels.flat(), ...chunk('IEND')])
    expect(strip(...mixed, chunk('IEND'), chunk('IDAT', 1))).toEqual(kept)
  })

  it.each([
    ['without an end', [chunk('IHDR')]],
    ['with a chunk that is longer than the file', [[0, 0, 0, 9, ...ascii('IDAT'), 0, 0, 0, 0], chunk('IEND')]],
    ['whose end is cut', [chunk('IHDR'), chunk('IEND').slice(0, -1)]],
  ])('refuses a PNG %s', (_how, chunks) => {
    expect(strip(...chunks)).toBeUndefined()
  })
})
