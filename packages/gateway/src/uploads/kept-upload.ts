import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { ContentDigests, Upload } from 'countersign'
import { AAuthError } from 'countersign/resource'
import { digestMismatch } from 'countersign/wire'
import { createFormWatch } from './form-watch.js'
import type { Spool } from './spool.js'

/** Most that is kept in memory of one upload. */
const inMemory = 1_048_576

/** An upload that is whole and verified before any of it goes on. */
export interface KeptUpload extends Upload {
  /** Bytes, once it was taken in. */
  readonly length: number
  /** Bytes of it that are on disk. */
  readonly onDisk: number
  /** The content, from its beginning; may be called again. */
  read(): Readable
  /** Lets go of it. */
  discard(): Promise<void>
}

export interface UploadLimits {
  /** Bytes. */
  maxBody: number
  /** Seconds that all of it may take. */
  bodyTime: number
  /** Seconds without a byte. */
  stallTime: number
}

/** @param onTake called before the first byte is read: only then is a client told to go on */
export function keepUpload(
  incoming: IncomingMessage,
  { maxBody, bodyTime, stallTime }: UploadLimits,
  spool: Spool,
  onTake: () => void,
): KeptUpload {
  const announced = Number(incoming.headers['content-length'] ?? 0)
  const isAnnounced = announced > 0 || incoming.headers['transfer-encoding'] !== undefined
  const chunks: Uint8Array[] = []
  let file: FileHandle | undefined
  let length = 0
  let onDisk = 0

  async function keep(chunk: Uint8Array): Promise<void> {
    length += chunk.length
    if (length > maxBody) throw tooLarge(maxBody)
    if (!file && length <= inMemory) return void chunks.push(chunk)
    file ??= await spool.open()
    for (const part of [...chunks.splice(0), chunk]) {
      spool.take(part.length)
      onDisk += part.length
      await writeAll(file, part)
    }
  }

  return {
    isAnnounced,
    get length() {
      return length
    },
    get onDisk() {
      return onDisk
    },
    async take(digests) {
      if (!isAnnounced) return
      if (announced > maxBody) throw tooLarge(maxBody)
      const hashes = hashesFor(digests)
      const form = createFormWatch(incoming.headers)
      onTake()
      for await (const chunk of chunksOf(incoming, bodyTime, stallTime)) {
        for (const { hash } of hashes) hash.update(chunk)
        form?.push(chunk)
        await keep(chunk)
      }
      if (!incoming.complete) throw incomplete()
      form?.end()
      for (const { algorithm, hash, expected } of hashes)
        if (hash.digest('base64') !== expected) throw digestMismatch(algorithm)
    },
    read() {
      if (!file) return Readable.from(chunks, { objectMode: false })
      return file.createReadStream({ start: 0, autoClose: false })
    },
    async discard() {
      chunks.length = 0
      spool.free(onDisk)
      onDisk = 0
      const open = file
      file = undefined
      await open?.close()
    },
  }
}

/** Refused by what it announces, before anything else is done for it. */
export function requireFitting(incoming: IncomingMessage, maxBody: number): void {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBody) throw tooLarge(maxBody)
}

const nodeNames = { 'sha-256': 'sha256', 'sha-512': 'sha512' } as const

function hashesFor(digests: ContentDigests | undefined): { algorithm: string; expected: string; hash: Hash }[] {
  return [...(digests ?? [])].map(([algorithm, expected]) => ({
    algorithm,
    expected,
    hash: createHash(nodeNames[algorithm]),
  }))
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await file.appendFile(bytes)
  } catch (cause) {
    throw new AAuthError('unavailable', 'The upload cannot be kept at this moment.', { retryAfter: 5, cause })
  }
}

async function* chunksOf(incoming: IncomingMessage, bodyTime: number, stallTime: number): AsyncGenerator<Uint8Array> {
  const end = performance.now() + bodyTime * 1000
  // Not destroyed when it is refused: the refusal is still to be sent on the same connection.
  const chunks = incoming.iterator({ destroyOnReturn: false })
  for (;;) {
    const next = await inTime(chunks.next(), Math.min(stallTime * 1000, end - performance.now()))
    if (next.done) return
    yield next.value as Uint8Array
  }
}

async function inTime<T>(reading: Promise<T>, time: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AAuthError('body_late', 'The body came too slowly.')), Math.max(0, time))
  })
  try {
    return await Promise.race([reading, late])
  } catch (error) {
    reading.catch(() => undefined)
    if (error instanceof AAuthError) throw error
    throw incomplete(error)
  } finally {
    clearTimeout(timer)
  }
}

function tooLarge(limit: number): AAuthError {
  return new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
}

function incomplete(cause?: unknown): AAuthError {
  return new AAuthError('body_incomplete', 'The body did not come to its end: send the request again, whole.', {
    cause,
  })
}
