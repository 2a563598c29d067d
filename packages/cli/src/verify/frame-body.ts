import { AAuthError, type ReceivedMessage } from 'countersign'
import { fieldValues } from 'countersign/wire'

export interface FramedBody {
  body: Uint8Array
  /** What was read other than a server would read it. */
  notes: string[]
}

/**
 * The content of a message (RFC 9112 §6): without chunking, as long as the headers say. Where they say nothing a server
 * would read no body; here what follows is taken for it, since requests are often written down without a length.
 *
 * @throws AAuthError `request_malformed`
 */
export function frameBody(message: Pick<ReceivedMessage, 'rawHeaders'>, rest: Uint8Array): FramedBody {
  const encodings = fieldValues(message, 'transfer-encoding')
  const lengths = fieldValues(message, 'content-length')
  if (encodings.length > 0) {
    if (lengths.length > 0) throw malformed('It has both Transfer-Encoding and Content-Length.')
    if (encodings.join().toLowerCase() !== 'chunked') throw malformed('Its Transfer-Encoding is not chunked.')
    return { body: joinChunks(rest), notes: [] }
  }
  const [length] = lengths
  if (length === undefined) return withoutLength(rest)
  if (lengths.length > 1 || !/^\d{1,10}$/.test(length)) throw malformed('Its Content-Length is not one number.')
  if (rest.length < Number(length))
    throw malformed(`Its body ends after ${rest.length} of ${length} bytes of Content-Length.`)
  const extra = rest.subarray(Number(length))
  if (!isLineEnd(extra)) throw malformed(`After the ${length} bytes of Content-Length there are ${extra.length} more.`)
  return { body: rest.subarray(0, Number(length)), notes: [] }
}

function withoutLength(rest: Uint8Array): FramedBody {
  if (isLineEnd(rest)) return { body: new Uint8Array(0), notes: [] }
  const note = `There is no Content-Length: all ${rest.length} bytes after the headers are taken for the body`
  const last = rest.at(-1) === 0x0a ? ', the last line feed too' : ''
  return { body: rest, notes: [`${note}${last}.`] }
}

function joinChunks(rest: Uint8Array): Uint8Array {
  const bytes = Buffer.from(rest)
  const chunks: Uint8Array[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\n', at)
    const line = bytes.subarray(at, end === -1 ? at : end).toString('latin1')
    const [, size] = /^([0-9a-f]{1,8})(?:;[^\r]*)?\r?$/i.exec(line) ?? []
    if (size === undefined) throw malformed('A chunk does not start with its size.')
    const length = Number.parseInt(size, 16)
    if (length === 0) return Buffer.concat(chunks)
    const stop = end + 1 + length
    if (stop > bytes.length) throw malformed('A chunk is shorter than its size.')
    chunks.push(bytes.subarray(end + 1, stop))
    at = bytes[stop] === 0x0d ? stop + 2 : stop + 1
    if (bytes[at - 1] !== 0x0a) throw malformed('A chunk is longer than its size.')
  }
}

function isLineEnd(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes.length <= 2 && /^\r?\n$/.test(Buffer.from(bytes).toString('latin1')))
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
