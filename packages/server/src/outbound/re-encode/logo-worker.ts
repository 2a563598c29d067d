import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import {
  initPhoton,
  PhotonImage,
  padding_bottom,
  padding_left,
  padding_right,
  padding_top,
  Rgba,
  resize,
  SamplingFilter,
} from '@cf-wasm/photon/others'
import type { LogoOutcome } from '../logo-re-encoder.js'
import type { LogoOrder } from './re-encode-logo.js'

const code = createRequire(import.meta.url).resolve('@cf-wasm/photon/photon.wasm')
await initPhoton({ module_or_path: readFileSync(code) })
parentPort?.postMessage(outcome(workerData as LogoOrder))

/** Any error that the decoder throws, including its panics, is treated as a fault of the image. */
function outcome(order: LogoOrder): LogoOutcome {
  try {
    return { image: square(opaque(order.bytes), order.side) }
  } catch (error) {
    return { refusal: String(error) }
  }
}

/** Draws the first frame on white; otherwise a dark page would show through transparent areas. */
function opaque(bytes: Uint8Array): PhotonImage {
  const decoded = PhotonImage.new_from_byteslice(bytes)
  const [width, height] = [decoded.get_width(), decoded.get_height()]
  const pixels = decoded.get_raw_pixels()
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = pixels[at + 3] as number
    if (alpha === 255) continue
    for (let color = at; color < at + 3; color++) {
      pixels[color] = Math.round(((pixels[color] as number) * alpha + 255 * (255 - alpha)) / 255)
    }
    pixels[at + 3] = 255
  }
  return new PhotonImage(pixels, width, height)
}

/** Encodes the image as a PNG of `side` × `side` pixels, uncropped and centered. */
function square(image: PhotonImage, side: number): Uint8Array {
  const scale = side / Math.max(image.get_width(), image.get_height())
  const width = Math.max(1, Math.round(image.get_width() * scale))
  const height = Math.max(1, Math.round(image.get_height() * scale))
  const left = (side - width) >> 1
  const top = (side - height) >> 1
  const paddings = [
    [padding_left, left],
    [padding_right, side - width - left],
    [padding_top, top],
    [padding_bottom, side - height - top],
  ] as const
  const resized = resize(image, width, height, SamplingFilter.Lanczos3)
  return paddings
    .filter(([, pixels]) => pixels > 0)
    .reduce((padded, [pad, pixels]) => pad(padded, pixels, new Rgba(255, 255, 255, 255)), resized)
    .get_bytes()
}
