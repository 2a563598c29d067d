import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { AAuthError } from 'countersign/resource'
import type { Watch } from './watch.js'
import { isObjectStart } from './watch-possible-members.js'

/** Bytes of a packed body that show what it begins with. */
const shown = 1024

const limits = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2_097_152 }
const brotliLimits = { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: 2_097_152 }

/** How servers unpack. */
const unpacked: Readonly<Record<string, readonly ((packed: Uint8Array) => Buffer)[]>> = {
  gzip: [(packed) => gunzipSync(packed, limits)],
  'x-gzip': [(packed) => gunzipSync(packed, limits)],
  deflate: [(packed) => inflateSync(packed, limits), (packed) => inflateRawSync(packed, limits)],
  br: [(packed) => brotliDecompressSync(packed, brotliLimits)],
}

/**
 * Unpacks the start of a body, and refuses it if it may be JSON: only members of plain JSON are looked at.
 *
 * @throws AAuthError `media_type_unsupported`, also for another coding than gzip, deflate or br
 */
export function watchPackedStart(coding: string): Watch {
  const unpack = Object.hasOwn(unpacked, coding) ? unpacked[coding] : undefined
  if (!unpack) throw new AAuthError('media_type_unsupported', 'Send bodies in gzip, deflate or br, or as they are.')
  let start: Buffer | undefined = Buffer.alloc(0)

  function look(): void {
    const packed = start
    start = undefined
    if (!packed || packed.length === 0) return
    const plain = unpack?.map((each) => plainStart(each, packed)).find((each) => each !== undefined)
    if (plain === undefined || isObjectStart(plain) !== false)
      throw new AAuthError('media_type_unsupported', 'Send JSON without Content-Encoding.')
  }

  return {
    push(chunk) {
      if (!start) return
      start = Buffer.concat([start, chunk.subarray(0, shown - start.length)])
      if (start.length === shown) look()
    },
    end: look,
  }
}

function plainStart(unpack: (packed: Uint8Array) => Buffer, packed: Uint8Array): Buffer | undefined {
  try {
    return unpack(packed)
  } catch {
    return undefined
  }
}
