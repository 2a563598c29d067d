import { parseUtf8 } from '../lib/base64url.js'
import { AAuthError } from '../lib/errors.js'
import { parseJson } from '../lib/parse-json.js'
import { readStream } from '../lib/read-stream.js'

/** What discovery needs of a `fetch`; `globalThis.fetch` fits. */
export type FetchDocument = (
  url: string,
  init?: { signal?: AbortSignal; redirect?: 'manual'; headers?: { accept: string } },
) => Promise<Response>

export interface FetchDocumentOptions {
  fetch: FetchDocument
  /** Largest body in bytes. */
  maxBytes: number
  /** Milliseconds for the whole answer. */
  timeout: number
  /** Media types, as in the header `Accept`. @default JSON */
  accept?: string
}

/** Why nothing usable was fetched. */
export interface FetchRefusal {
  refusal: string
  cause?: unknown
  unreachable: boolean
}

export type FetchedBytes = { bytes: Uint8Array; maxAge: number | undefined } | FetchRefusal

export type FetchedText = { text: string; maxAge: number | undefined } | FetchRefusal

export type FetchedDocument = { document: unknown; maxAge: number | undefined } | FetchRefusal

/** Fetches a JSON document as {@link fetchText} does. */
export async function fetchDocument(url: string, options: FetchDocumentOptions): Promise<FetchedDocument> {
  const fetched = await fetchText(url, options)
  if ('refusal' in fetched) return fetched
  const document = parseJson(fetched.text)
  return document === undefined
    ? { refusal: `${url} is not JSON`, unreachable: false }
    : { document, maxAge: fetched.maxAge }
}

/** Fetches a text as {@link fetchBytes} does. */
export async function fetchText(url: string, options: FetchDocumentOptions): Promise<FetchedText> {
  const fetched = await fetchBytes(url, options)
  if ('refusal' in fetched) return fetched
  const text = parseUtf8(fetched.bytes)
  return text === undefined ? { refusal: `${url} is not UTF-8`, unreachable: false } : { text, maxAge: fetched.maxAge }
}

/**
 * Fetches what a stranger's URL gives, or says why not: no redirect is followed, a body of more than `maxBytes` is
 * refused, and everything together takes at most `timeout`. Which addresses may be connected to is up to `fetch`: see
 * {@link createGuardedFetch}.
 *
 * @example
 * ```ts
 * const fetched = await fetchBytes('https://agent.example/logo.png', { fetch: createGuardedFetch(), maxBytes: 262_144, timeout: 2500 })
 * if ('refusal' in fetched) console.log(fetched.refusal)
 * ```
 */
export async function fetchBytes(url: string, options: FetchDocumentOptions): Promise<FetchedBytes> {
  const abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${options.timeout} ms`)
      abort.abort(error)
      reject(error)
    }, options.timeout)
  })
  try {
    return await Promise.race([late, request(url, options, abort.signal)])
  } catch (cause) {
    if (cause instanceof AAuthError && cause.code === 'body_too_large')
      return { refusal: `${url} is larger than ${options.maxBytes} bytes`, cause, unreachable: false }
    return { refusal: `${url} could not be fetched`, cause, unreachable: true }
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

async function request(
  url: string,
  { fetch, maxBytes, accept = 'application/json' }: FetchDocumentOptions,
  signal: AbortSignal,
): Promise<FetchedBytes> {
  const response = await fetch(url, { signal, redirect: 'manual', headers: { accept } })
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    return { refusal: `${url} redirects, which is not followed`, unreachable: false }
  }
  if (response.status >= 500) return { refusal: `${url} answers ${response.status}`, unreachable: true }
  if (response.status !== 200) return { refusal: `${url} answers ${response.status}`, unreachable: false }
  const encoding = response.headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity')
    return { refusal: `${url} is compressed (${encoding})`, unreachable: false }
  if (response.body === null) return { refusal: `${url} is empty`, unreachable: false }
  const bytes = await readStream(response.body, maxBytes)
  return { bytes, maxAge: maxAgeOf(response.headers.get('cache-control')) }
}

function maxAgeOf(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/(?:^|[\s,])no-store(?:$|[\s,])|(?:^|[\s,])no-cache(?:$|[\s,])/i.test(header)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,10})"?/i.exec(header)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
