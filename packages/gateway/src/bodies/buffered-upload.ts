import { createHash, type Hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ContentDigests, Upload, UploadSigner } from 'countersign'
import { appendChunk } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import { digestMismatch } from 'countersign/signatures'
import type { CheckedRequest } from '../routes/field-check.js'
import { createBodyWatch } from './body-watch.js'

/**
 * The share of the space that content may use, by what its sender has proved (G44). Requests not signed by an agent leave half of the space
 * free, and requests without a user's permission a quarter: a key costs nothing, an agent costs a domain, and a permission requires a user
 * of the API.
 */
const shares = { unknown: 0.5, agent: 0.75, authorized: 1 } as const

type Share = (typeof shares)[keyof typeof shares]

/** Space for the content of requests, in memory and on disk. */
export interface Spool {
  /** Opens a new, unlinked file, so that no other program can open it. */
  open(): Promise<FileHandle>
  /** Reserves disk space, in bytes. @throws AAuthError `unavailable` if the share is used up */
  take(bytes: number, share: Share): void
  free(bytes: number): void
  /**
   * Reserves memory, in bytes, and returns whether it was available. Half of the memory is reserved for messages, which are never stored on
   * disk, so that uploads cannot use it up.
   */
  hold(bytes: number, share: Share, isMessage: boolean): boolean
  release(bytes: number): void
  /** Deletes the temporary folder. */
  close(): void
}

/** @param limits returns the current limits for all requests together, on disk and in memory, in bytes */
export function createSpool(limits: () => { uploads: number; memory: number }): Spool {
  let folder: string | undefined
  let taken = 0
  let held = 0
  let count = 0
  return {
    async open() {
      folder ??= mkdtempSync(join(tmpdir(), 'countersign-gateway-'))
      const path = join(folder, String(++count))
      const file = await open(path, 'wx+', 0o600)
      await unlink(path)
      return file
    },
    take(bytes, share) {
      if (taken + bytes > limits().uploads * share)
        throw new AAuthError('unavailable', 'There is no space for the upload at the moment.', { retryAfter: 5 })
      taken += bytes
    },
    free(bytes) {
      taken -= bytes
    },
    hold(bytes, share, isMessage) {
      if (held + bytes > limits().memory * share * (isMessage ? 1 : 0.5)) return false
      held += bytes
      return true
    },
    release(bytes) {
      held -= bytes
    },
    close() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      folder = undefined
    },
  }
}

/** Maximum size of an upload in memory, in bytes. */
const inMemory = 1_048_576

interface UploadLimits {
  /** Bytes. */
  maxBody: number
  /** Timeout for receiving the whole body, in seconds. */
  bodyTimeout: number
  /** Maximum pause within the body, in seconds. */
  stallTimeout: number
  /** Whether the gateway reads the body itself, so that it stays in memory. @default false */
  isMessage?: boolean
  /** The request, to check the values of its fields. @default only the names of fields are inspected */
  judged?: CheckedRequest | undefined
}

const noBytes = new Uint8Array(0)

/** An upload that is fully received and verified before any of it is forwarded. */
export class BufferedUpload implements Upload {
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

  /** @param onTake called before the first byte is read, to send `100 Continue` */
  constructor(incoming: IncomingMessage, limits: UploadLimits, spool: Spool, onTake: () => void) {
    this.#incoming = incoming
    this.#announced = Number(incoming.headers['content-length'])
    this.isAnnounced = this.#announced > 0 || incoming.headers['transfer-encoding'] !== undefined
    this.#limits = limits
    this.#spool = spool
    this.#onTake = onTake
  }

  /** Length in bytes, once the upload has been read. */
  get length(): number {
    return this.#length
  }

  /** The number of the upload's bytes that are stored on disk. */
  get spooled(): number {
    return this.#file === undefined ? 0 : this.#length
  }

  async take(digests: ContentDigests | undefined, signer?: UploadSigner): Promise<void> {
    if (!this.isAnnounced) return
    this.#share = shareOf(signer)
    const { maxBody, bodyTimeout, stallTimeout, isMessage, judged } = this.#limits
    if (this.#announced > maxBody) throw tooLarge(maxBody)
    const hashes = hashesFor(digests)
    const watch = isMessage ? undefined : createBodyWatch(this.#incoming.headers, judged)
    this.#onTake()
    for await (const chunk of chunksOf(this.#incoming, bodyTimeout, stallTimeout)) {
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

  /** Adapts the upload for a reader of the whole body. */
  asMessage(): Upload {
    const { isAnnounced } = this
    return { isAnnounced, take: (digests, signer) => this.take(digests, signer), content: () => this.#kept }
  }

  /** Returns the content from its start. May be called repeatedly. */
  read(): Readable {
    if (!this.#file) return Readable.from([this.#kept], { objectMode: false })
    return this.#file.createReadStream({ start: 0, autoClose: false })
  }

  /** Frees the space that the upload uses. */
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
      throw new AAuthError('unavailable', 'There is no space for the message at the moment.', { retryAfter: 5 })
    this.#file ??= await this.#spool.open()
    if (this.#bytes.length > 0) await this.#write(this.#file, this.#bytes.subarray(0, before))
    this.#release()
    await this.#write(this.#file, chunk)
  }

  /** Stores a chunk in memory, and returns whether there was enough space. */
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

/** Discards an upload without waiting. Errors become process warnings. */
export function discardInBackground(upload: BufferedUpload): void {
  upload.discard().catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)))
}

/** Refuses a body based on its announced length, before any other work is done. */
export function requireFitting(incoming: IncomingMessage, maxBody: number): void {
  const announced = Number(incoming.headers['content-length'])
  if (announced > maxBody) throw tooLarge(maxBody)
  if (announced > 0) requireMethodWithBody(incoming)
}

/** Many servers do not read the content of such a request, and would parse it as the next request. */
function requireMethodWithBody({ method }: IncomingMessage): void {
  if (method === 'GET' || method === 'HEAD')
    throw new AAuthError('request_malformed', `A ${method} request must not have a body.`)
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
    throw new AAuthError('unavailable', 'The upload cannot be stored at the moment.', { retryAfter: 5, cause })
  }
}

/** Yields the chunks of a body as they arrive. */
async function* chunksOf(
  incoming: IncomingMessage,
  bodyTimeout: number,
  stallTimeout: number,
): AsyncGenerator<Uint8Array> {
  const end = performance.now() + bodyTimeout * 1000
  const chunks = incoming.iterator({ destroyOnReturn: false })
  for (;;) {
    const next = chunks.next() as Promise<IteratorResult<Uint8Array, undefined>>
    const { done, value } = await within(Math.min(stallTimeout * 1000, end - performance.now()), next)
    if (done) return
    yield value
    if (performance.now() > end) throw late()
  }
}

/** Waits for a chunk, with a timeout in milliseconds. */
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
  return new AAuthError('body_late', 'The body arrived too slowly.')
}

function tooLarge(limit: number): AAuthError {
  return new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
}

function incomplete(cause?: unknown): AAuthError {
  return new AAuthError('body_incomplete', 'The body is incomplete: send the whole request again.', {
    cause,
  })
}
