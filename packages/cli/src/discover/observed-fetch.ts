import type { FetchDocument } from 'countersign'

/** What an origin answered, as it was. */
export interface Observation {
  status: number
  headers: Headers
  text: string
}

export interface ObservedFetch {
  fetch: FetchDocument
  /** The last answer for a URL, or undefined where none came. */
  seen(url: string): Observation | undefined
}

/** No document may be larger, so no more is kept. */
const maxKept = 65_537

/** A fetch that keeps what it was answered, so that a refusal can be explained. */
export function observedFetch(fetch: FetchDocument): ObservedFetch {
  const observations = new Map<string, Observation>()
  return {
    seen: (url) => observations.get(url),
    async fetch(url, init) {
      const response = await fetch(url, init)
      const { status, headers } = response
      const body = response.body === null ? null : await readStart(response.body)
      observations.set(url, { status, headers, text: Buffer.from(body ?? []).toString('utf8') })
      return new Response(body, { status, headers })
    },
  }
}

async function readStart(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= maxKept) break
  }
  return new Uint8Array(Buffer.concat(chunks).subarray(0, maxKept))
}
