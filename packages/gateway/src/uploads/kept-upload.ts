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

export interface UploadLimits {
  /** Bytes. */
  maxBody: number
  /** Seconds that all of it may take. */
  bodyTime: number
  /** Seconds without a byte. */
  stallTime: number
  /** Whether the gateway reads it itself, and so keeps it in memory only. @default false */
  isMessage?: boolean
}

/** An upload that is whole and verified before any of it goes on. */
export class KeptUpload implements Upload {
  readonly isAnnounced: boolean
  readonly #incoming: IncomingMessage
  readonly #announced: number
  readonly #limits: UploadLimits
  readonly #spool: Spool
  readonly #onTake: () => void
  #chunks: Uint8Array[] = []
  #file: FileHandle | undefined
  #length = 0
  #held = 0
  #onDisk = 0

  /** @param onTake called before the first byte is read: only then is a client told to go on */
  constructor(incoming: IncomingMessage, limits: UploadLimits, spool: Spool, onTake: () => void) {
    this.#incoming = incoming
    this.#announced = Number(incoming.headers['content-length'] ?? 0)
    this.isAnnounced = this.#announced > 0 || incoming.headers['transfer-encoding'] !== undefined
    this.#limits = limits
    this.#spool = spool
    this.#onTake = onTake
  }

  /** Bytes, once it was taken in. */
  get length(): number {
    return this.#length
  }

  /** Bytes of it that are on disk. */
  get onDisk(): number {
    return this.#onDisk
  }

  async take(digests: ContentDigests | undefined): Promise<void> {
    if (!this.isAnnounced) return
    const { maxBody, bodyTime, stallTime, isMessage } = this.#limits
    if (this.#announced > maxBody) throw tooLarge(maxBody)
    const hashes = hashesFor(digests)
    const form = isMessage ? undefined : createFormWatch(this.#incoming.headers)
    this.#onTake()
    for await (const chunk of chunksOf(this.#incoming, bodyTime, stallTime)) {
      for (const { hash } of hashes) hash.update(chunk)
      form?.push(chunk)
      requireMethodWithBody(this.#incoming)
      await this.#keep(chunk)
    }
    if (!this.#incoming.complete) throw incomplete()
    form?.end()
    for (const { algorithm, hash, expected } of hashes)
      if (hash.digest('base64') !== expected) throw digestMismatch(algorithm)
  }

  /** Itself, for who reads all of it at once. */
  asMessage(): Upload {
    const { isAnnounced } = this
    return { isAnnounced, take: (digests) => this.take(digests), content: () => Buffer.concat(this.#chunks) }
  }

  /** The content, from its beginning; may be called again. */
  read(): Readable {
    if (!this.#file) return Readable.from(this.#chunks, { objectMode: false })
    return this.#file.createReadStream({ start: 0, autoClose: false })
  }

  /** Lets go of it. */
  async discard(): Promise<void> {
    this.#chunks = []
    this.#release()
    this.#spool.free(this.#onDisk)
    this.#onDisk = 0
    const open = this.#file
    this.#file = undefined
    await open?.close()
  }

  async #keep(chunk: Uint8Array): Promise<void> {
    const { maxBody } = this.#limits
    this.#length += chunk.length
    if (this.#length > maxBody) throw tooLarge(maxBody)
    const isSmall = !this.#file && this.#length <= inMemory
    if (isSmall && this.#spool.hold(chunk.length)) {
      this.#held += chunk.length
      return void this.#chunks.push(chunk)
    }
    if (this.#limits.isMessage)
      throw new AAuthError('unavailable', 'There is no room for the message at this moment.', { retryAfter: 5 })
    this.#file ??= await this.#spool.open()
    for (const part of [...this.#chunks.splice(0), chunk]) {
      this.#spool.take(part.length)
      this.#onDisk += part.length
      await writeAll(this.#file, part)
    }
    this.#release()
  }

  #release(): void {
    this.#spool.release(this.#held)
    this.#held = 0
  }
}

/** Refused by what it announces, before anything else is done for it. */
export function requireFitting(incoming: IncomingMessage, maxBody: number): void {
  const announced = Number(incoming.headers['content-length'] ?? 0)
  if (announced > maxBody) throw tooLarge(maxBody)
  if (announced > 0) requireMethodWithBody(incoming)
}

/** Many servers do not read the content of such a request, and would take it for the next one. */
function requireMethodWithBody({ method }: IncomingMessage): void {
  if (method === 'GET' || method === 'HEAD')
    throw new AAuthError('request_malformed', `A ${method} request has no body.`)
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
