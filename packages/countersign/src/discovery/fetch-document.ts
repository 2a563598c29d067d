import { parseUtf8 } from '../lib/base64url.js'
import { AAuthError } from '../lib/errors.js'
import { parseJson } from '../lib/parse-json.js'
import { readStream } from '../lib/read-stream.js'

/** What discovery needs of a `fetch`; `globalThis.fetch` fits. */
export type FetchDocument = (url: string, init?: { signal?: AbortSignal; redirect?: 'manual' }) => Promise<Response>

export interface FetchDocumentOptions {
  fetch: FetchDocument
  /** Largest body in bytes. */
  maxBytes: number
  /** Milliseconds for the whole answer. */
  timeout: number
}

/** Why nothing usable was fetched. */
export interface FetchRefusal {
  refusal: string
  cause?: unknown
  unreachable: boolean
}

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

/**
 * Fetches a text within the limits of design §4, or says why not: no redirect is followed, the body is cut at
 * `maxBytes`, and everything together takes at most `timeout`.
 */
export async function fetchText(url: string, options: FetchDocumentOptions): Promise<FetchedText> {
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
  { fetch, maxBytes }: FetchDocumentOptions,
  signal: AbortSignal,
): Promise<FetchedText> {
  const response = await fetch(url, { signal, redirect: 'manual' })
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    return { refusal: `${url} redirects, which is not followed`, unreachable: false }
  }
  if (response.status >= 500) return { refusal: `${url} answers ${response.status}`, unreachable: true }
  if (response.status !== 200) return { refusal: `${url} answers ${response.status}`, unreachable: false }
  const encoding = response.headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity')
    return { refusal: `${url} is compressed (${encoding})`, unreachable: false }
  if (response.body === null) return { refusal: `${url} is empty`, unreachable: false }
  const text = parseUtf8(await readStream(response.body, maxBytes))
  if (text === undefined) return { refusal: `${url} is not UTF-8`, unreachable: false }
  return { text, maxAge: maxAgeOf(response.headers.get('cache-control')) }
}

function maxAgeOf(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/(?:^|[\s,])no-store(?:$|[\s,])|(?:^|[\s,])no-cache(?:$|[\s,])/i.test(header)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,10})"?/i.exec(header)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
