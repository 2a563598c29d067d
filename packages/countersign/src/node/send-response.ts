import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web'

/** Writes a Web response to Node's, with its length where the body is at hand. */
export async function sendResponse(response: Response, outgoing: ServerResponse, method: string): Promise<void> {
  outgoing.statusCode = response.status
  for (const [name, value] of response.headers) {
    if (name !== 'set-cookie') outgoing.setHeader(name, value)
  }
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies)
  if (method === 'HEAD' || response.body === null) {
    outgoing.end()
    return
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const first = await reader.read()
  const second = first.done ? first : await reader.read()
  if (second.done) {
    // The whole body is at hand: its length is said, as most peers expect.
    const only = first.value ?? new Uint8Array(0)
    if (!response.headers.has('content-length')) outgoing.setHeader('content-length', only.length)
    outgoing.end(only)
    return
  }
  const stream = Readable.from(chunksOf(reader, [first.value, second.value]))
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject)
    outgoing.on('close', () => {
      stream.destroy()
      resolve()
    })
    stream.pipe(outgoing)
  })
}

async function* chunksOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  read: readonly (Uint8Array | undefined)[],
): AsyncGenerator<Uint8Array> {
  try {
    for (const chunk of read) if (chunk) yield chunk
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel()
  }
}
