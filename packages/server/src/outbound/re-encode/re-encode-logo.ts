import { Worker } from 'node:worker_threads'
import type { LogoOutcome } from '../logo-re-encoder.js'
import { readImageHeader, stripPng } from './image-header.js'

/** The input of the worker. */
export interface LogoOrder {
  bytes: Uint8Array
  /** Side length of the resulting square, in pixels. */
  side: number
}

/** In pixels. Pages show a logo at half of `side`. */
const limits = { longest: 2048, side: 96 }

/** Milliseconds. */
const patience = 5000

/**
 * Makes a small square PNG from an untrusted PNG, JPEG or WebP, or returns why it cannot. Only pixels are kept: no metadata, no second
 * frame, and nothing that follows the image. The size is checked before anything is decoded. Decoding runs in a separate thread, in
 * WebAssembly, without this process's environment, and is aborted after five seconds.
 */
export async function reEncodeLogo(bytes: Uint8Array): Promise<LogoOutcome> {
  const header = readImageHeader(bytes)
  if (!header) return { refusal: 'it is not a well-formed PNG, JPEG or WebP' }
  if (Math.max(header.width, header.height) > limits.longest)
    return { refusal: `it is wider or higher than ${limits.longest} pixels` }
  const bare = header.format === 'png' ? stripPng(bytes) : bytes
  return bare ? decodeApart({ bytes: bare, side: limits.side }) : { refusal: 'its PNG chunks are malformed' }
}

function decodeApart(order: LogoOrder): Promise<LogoOutcome> {
  const worker = new Worker(new URL('./logo-worker.js', import.meta.url), {
    workerData: order,
    env: {},
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: 64 },
  })
  worker.unref()
  return new Promise<LogoOutcome>((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve({ refusal: `it takes longer than ${patience} ms to decode` })
      void worker.terminate()
    }, patience)
    timer.unref()
    worker.on('message', resolve)
    worker.on('error', reject)
    worker.on('exit', () => {
      clearTimeout(timer)
      reject(new Error('the logo decoder exited without a result'))
    })
  })
}
