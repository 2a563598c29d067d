import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { ContentDigests, Upload, UploadSigner } from 'countersign'
import { appendChunk } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import { digestMismatch } from 'countersign/signatures'
import type { JudgedRequest } from '../routes/field-check.js'
import { createBodyWatch } from './body-watch.js'
import { type Share, type Spool, shares } from './spool.js'

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
  /** The request, to compare values of its fields with. @default names of fields alone are inspected */
  judged?: JudgedRequest | undefined
}

const noBytes = new Uint8Array(0)

/** An upload that is whole and verified before any of it goes on. */
export class KeptUpload implements Upload {
  readonly isAnnounced: boolean
  readonly #incoming: IncomingMessage
  readonly #announced: number
  readonly #limits: UploadLimits
  readonly #spool: Spool
  readonly #onTake: () => void
  #bytes: Uint8Array = noBytes
  #file: FileHandle | undefined
  #length = 0
  #held = 0
  #onDisk = 0
  #share: Share = shares.unknown
  #isDiscarded = false

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

  /** Bytes of it that were on disk. */
  get spooled(): number {
    return this.#file === undefined ? 0 : this.#length
  }

  async take(digests: ContentDigests | undefined, signer?: UploadSigner): Promise<void> {
    if (!this.isAnnounced) return
    this.#share = shareOf(signer)
    const { maxBody, bodyTime, stallTime, isMessage, judged } = this.#limits
    if (this.#announced > maxBody) throw tooLarge(maxBody)
    const hashes = hashesFor(digests)
    const watch = isMessage ? undefined : createBodyWatch(this.#incoming.headers, judged)
    this.#onTake()
    for await (const chunk of chunksOf(this.#incoming, bodyTime, stallTime)) {
      requireMethodWithBody(this.#incoming)
      for (const { hash } of hashes) hash.update(chunk)
      watch?.push(chunk)
      await this.#keep(chunk)
    }
    if (!this.#incoming.complete) throw incomplete()
    watch?.end()
    for (const { algorithm, hash, expected } of hashes)
      if (hash.digest('base64') !== expected) throw digestMismatch(algorithm)
  }

  /** The upload for a reader that takes all of it at once. */
  asMessage(): Upload {
    const { isAnnounced } = this
    return { isAnnounced, take: (digests, signer) => this.take(digests, signer), content: () => this.#kept }
  }

  /** The content, from its beginning; may be called again. */
  read(): Readable {
    if (!this.#file) return Readable.from([this.#kept], { objectMode: false })
    return this.#file.createReadStream({ start: 0, autoClose: false })
  }

  /** Lets go of it. */
  async discard(): Promise<void> {
    if (this.#isDiscarded) return
    this.#isDiscarded = true
    this.#bytes = noBytes
    this.#release()
    this.#spool.free(this.#onDisk)
    await this.#file?.close()
  }

  get #kept(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  async #keep(chunk: Uint8Array): Promise<void> {
    const { maxBody, isMessage } = this.#limits
    const before = this.#length
    this.#length += chunk.length
    if (this.#length > maxBody) throw tooLarge(maxBody)
    if (!this.#file && this.#length <= inMemory && this.#hold(before, chunk)) return
    if (isMessage)
      throw new AAuthError('unavailable', 'There is no room for the message at this moment.', { retryAfter: 5 })
    this.#file ??= await this.#spool.open()
    if (this.#bytes.length > 0) await this.#write(this.#file, this.#bytes.subarray(0, before))
    this.#release()
    await this.#write(this.#file, chunk)
  }

  /** Keeps a chunk in memory; whether there was room. */
  #hold(before: number, chunk: Uint8Array): boolean {
    const bytes = appendChunk(this.#bytes, before, chunk)
    const more = bytes.length - this.#bytes.length
    if (!this.#spool.hold(more, this.#share, this.#limits.isMessage === true)) return false
    this.#held += more
    this.#bytes = bytes
    return true
  }

  async #write(file: FileHandle, bytes: Uint8Array): Promise<void> {
    this.#spool.take(bytes.length, this.#share)
    this.#onDisk += bytes.length
    await writeAll(file, bytes)
  }

  #release(): void {
    this.#bytes = noBytes
    this.#spool.release(this.#held)
    this.#held = 0
  }
}

function shareOf(signer: UploadSigner | undefined): Share {
  if (signer?.agent === undefined) return shares.unknown
  return signer.authorization?.expired === false ? shares.authorized : shares.agent
}

/** Discards an upload without waiting for it. An error is a warning of the process. */
export function discardInBackground(upload: KeptUpload): void {
  upload.discard().catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)))
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

/** The chunks of a body, each as large as what has arrived. */
async function* chunksOf(incoming: IncomingMessage, bodyTime: number, stallTime: number): AsyncGenerator<Uint8Array> {
  const end = performance.now() + bodyTime * 1000
  const chunks = incoming.iterator({ destroyOnReturn: false })
  for (;;) {
    const next = chunks.next() as Promise<IteratorResult<Uint8Array, undefined>>
    const { done, value } = await within(Math.min(stallTime * 1000, end - performance.now()), next)
    if (done) return
    yield value
    if (performance.now() > end) throw late()
  }
}

/** Waits some milliseconds for a chunk. */
async function within<Chunk>(time: number, chunk: Promise<Chunk>): Promise<Chunk> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.max(0, time))
  })
  try {
    return await Promise.race([chunk, timeout])
  } catch (cause) {
    throw cause instanceof AAuthError ? cause : incomplete(cause)
  } finally {
    clearTimeout(timer)
  }
}

function late(): AAuthError {
  return new AAuthError('body_late', 'The body came too slowly.')
}

function tooLarge(limit: number): AAuthError {
  return new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
}

function incomplete(cause?: unknown): AAuthError {
  return new AAuthError('body_incomplete', 'The body did not come to its end: send the request again, whole.', {
    cause,
  })
}
