import { AAuthError } from 'countersign'
import type { NodeRequest } from './read-with-node.js'

export interface FramedBody {
  body: Uint8Array
  /** What was read other than a server would read it. */
  notes: string[]
}

/**
 * The content of a message (RFC 9112 §6): without chunking, as long as the headers say. Where they say nothing a server
 * would read no body; here what follows is taken for it, since requests are often written down without a length.
 *
 * Rejects with the parser's error where the chunks are not well-formed.
 *
 * @throws AAuthError `request_malformed`
 */
export async function frameBody(request: NodeRequest, rest: Uint8Array): Promise<FramedBody> {
  const { headers } = request.message
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    if (encoding.toLowerCase() !== 'chunked') throw malformed('Its Transfer-Encoding is not chunked.')
    const text = Buffer.from(rest).toString('latin1')
    const wire = text.includes('\r') ? text : text.replaceAll('\n', '\r\n')
    // The empty line at the end is often lost; after a whole request it is passed over.
    const whole = wire.endsWith('\n') ? `${wire}\r\n` : wire
    return { body: await request.readChunks(Buffer.from(whole, 'latin1')), notes: [] }
  }
  if (headers['content-length'] === undefined) return withoutLength(rest)
  const length = Number(headers['content-length'])
  if (rest.length < length) throw malformed(`Its body ends after ${rest.length} of ${length} bytes of Content-Length.`)
  const extra = rest.subarray(length)
  if (!isLineEnd(extra)) throw malformed(`After the ${length} bytes of Content-Length there are ${extra.length} more.`)
  return { body: rest.subarray(0, length), notes: [] }
}

function withoutLength(rest: Uint8Array): FramedBody {
  if (isLineEnd(rest)) return { body: new Uint8Array(0), notes: [] }
  const note = `There is no Content-Length: all ${rest.length} bytes after the headers are taken for the body`
  const last = rest.at(-1) === 0x0a ? ', the last line feed too' : ''
  return { body: rest, notes: [`${note}${last}.`] }
}

function isLineEnd(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes.length <= 2 && /^\r?\n$/.test(Buffer.from(bytes).toString('latin1')))
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
