import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { AAuthError, type ReceivedMessage } from 'countersign'
import { fieldValues } from 'countersign/signatures'

const maxBody = 1_048_576

/** Maximum input size, in bytes. A larger request would exceed the limits of every server, whether chunked or not. */
export const maxRequest = 2 * maxBody

export interface ParsedRequest {
  message: ReceivedMessage
  host: string | undefined
  body: Uint8Array
  /** How the input was interpreted differently from what a server would do. */
  notes: readonly string[]
}

/**
 * Parses an HTTP/1.1 request as Node's servers do. Pasted or saved text is first converted to wire format: lines may end with LF only, the
 * final empty line may be missing, and the request line may specify HTTP/2 or HTTP/3.
 *
 * @throws AAuthError `request_malformed`, `headers_too_large`, `body_too_large`
 */
export async function parseHttpRequest(input: Uint8Array): Promise<ParsedRequest> {
  if (input.length > maxRequest)
    throw new AAuthError('body_too_large', `The request is larger than ${maxRequest} bytes.`)
  const { head, rest, complete } = splitHead(input)
  const [requestLine = '', ...lines] = head.split(/\r?\n/)
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+) HTTP\/(1\.[01]|[23](?:\.0)?)$/.exec(requestLine)
  if (!match) throw malformed(firstLineProblem(requestLine))
  const [, asked = '', version = ''] = match
  const isOlder = version.startsWith('1')
  const wire = [`${asked} HTTP/${isOlder ? version : '1.1'}`, ...lines, '', ''].join('\r\n')
  try {
    const request = await readWithNode(Buffer.from(wire, 'latin1'))
    const { method = '', url: rawTarget = '', rawHeaders } = request.message
    const { body, notes } = await frameBody(request, rest).finally(() => request.close())
    return {
      message: {
        method,
        rawTarget,
        rawHeaders,
        body: async (limit) => {
          if (body.length <= limit) return body
          throw new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
        },
      },
      host: fieldValues({ rawHeaders }, 'host')[0],
      body,
      notes: [
        ...(isOlder
          ? []
          : [`The request has version HTTP/${version}, but is parsed as HTTP/1.1: the signed content is the same.`]),
        ...(complete ? [] : ['There is no empty line after the headers; they are assumed to be complete.']),
        ...notes,
      ],
    }
  } catch (error) {
    throw explained(error, lines, rest)
  }
}

/** Common input that is not a request, with instructions for converting it. */
const firstLines: readonly (readonly [form: RegExp, problem: string])[] = [
  [/^[>*<] /, 'Its lines have the prefixes that curl -v prints: remove “> ”, and all lines that do not start with it.'],
  [/^:[a-z]+:/, 'It starts with HTTP/2 pseudo-headers: write GET /data HTTP/1.1 and Host: api.example instead.'],
  [/^HTTP\/\d/, 'It is a response: only requests are signed.'],
  // A UTF-8 byte-order mark, decoded as Latin-1.
  [/^\u00ef\u00bb\u00bf/, 'It starts with a byte-order mark: save it without one.'],
  [/^\u00ff\u00fe|^\u00fe\u00ff/, 'It is encoded in UTF-16: save it as plain ASCII or UTF-8.'],
]

function firstLineProblem(line: string): string {
  const known = firstLines.find(([form]) => form.test(line))
  return known?.[1] ?? 'The first line is not an HTTP/1.1 request line, such as GET /data HTTP/1.1.'
}

interface SplitRequest {
  head: string
  rest: Uint8Array
  /** Whether the head ends with an empty line. */
  complete: boolean
}

function splitHead(input: Uint8Array): SplitRequest {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  // An empty line before the request line is ignored (RFC 9112 §2.2).
  const start = bytes[0] === 0x0a ? 1 : bytes[0] === 0x0d && bytes[1] === 0x0a ? 2 : 0
  const text = bytes.toString('latin1', start)
  const end = /\r?\n\r?\n/.exec(text)
  if (!end) return { head: text.replace(/\r?\n$/, ''), rest: new Uint8Array(0), complete: false }
  return {
    head: text.slice(0, end.index),
    rest: bytes.subarray(start + end.index + end[0].length),
    complete: true,
  }
}

/** Explains a parser error to the author of the request; other errors are returned unchanged. */
function explained(error: unknown, lines: readonly string[], rest: Uint8Array): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!code.startsWith('HPE_')) return error
  if (code === 'HPE_HEADER_OVERFLOW')
    return new AAuthError('headers_too_large', `The request line and headers are longer than ${maxHead} bytes.`)
  const endsLine = rest.at(-1) === 0x0a
  const problems: Readonly<Record<string, string>> = {
    HPE_INVALID_METHOD: 'Its method is not supported by Node’s HTTP servers.',
    HPE_INVALID_URL: headerProblem(lines) ?? 'Its request target contains characters that must be percent-encoded.',
    HPE_UNEXPECTED_CONTENT_LENGTH: 'Its Content-Length is not a single number.',
    HPE_INVALID_CONTENT_LENGTH: lines.some((line) => /^transfer-encoding:/i.test(line))
      ? 'It has both Transfer-Encoding and Content-Length.'
      : 'Its Content-Length is not a single number.',
    HPE_INVALID_TRANSFER_ENCODING: 'Its Transfer-Encoding is not chunked.',
    HPE_INVALID_CHUNK_SIZE: 'A chunk does not start with its size.',
    HPE_INVALID_EOF_STATE: endsLine
      ? 'A chunk does not start with its size.'
      : 'A chunk is shorter than its declared size.',
    HPE_STRICT: 'A chunk is longer than its declared size.',
  }
  return malformed(problems[code] ?? headerProblem(lines) ?? `It is not valid HTTP/1.1: ${code}.`)
}

/** Describes the first malformed header line. */
function headerProblem(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    if (/^[ \t]/.test(line)) return 'A header uses line folding: put it on one line.'
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/.test(line)) return 'A header line does not have the form Name: value.'
    if (/[^\t\x20-\x7e\x80-\xff]/.test(line)) return 'A header value contains control characters.'
  }
  return undefined
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}

interface FramedBody {
  body: Uint8Array
  /** How the input was interpreted differently from what a server would do. */
  notes: string[]
}

/**
 * Returns the content of a message (RFC 9112 §6): dechunked, or with the length that the headers specify. Without a length, a server would
 * read no body. Here, the rest of the input is treated as the body, because saved requests often lack the length.
 *
 * Rejects with the parser's error if the chunks are malformed.
 *
 * @throws AAuthError `request_malformed`
 */
async function frameBody(request: NodeRequest, rest: Uint8Array): Promise<FramedBody> {
  const { headers } = request.message
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    if (encoding.toLowerCase() !== 'chunked') throw malformed('Its Transfer-Encoding is not chunked.')
    const text = Buffer.from(rest).toString('latin1')
    const wire = text.includes('\r') ? text : text.replaceAll('\n', '\r\n')
    // The final empty line is often lost, so one is added; if the request is already complete, the extra line is ignored.
    const whole = wire.endsWith('\n') ? `${wire}\r\n` : wire
    return { body: await request.readChunks(Buffer.from(whole, 'latin1')), notes: [] }
  }
  if (headers['content-length'] === undefined) return withoutLength(rest)
  const length = Number(headers['content-length'])
  if (rest.length < length)
    throw malformed(`Its body ends after ${rest.length} of the ${length} bytes given by Content-Length.`)
  const extra = rest.subarray(length)
  if (!isLineEnd(extra))
    throw malformed(`After the ${length} bytes specified by Content-Length, there are ${extra.length} more.`)
  return { body: rest.subarray(0, length), notes: [] }
}

function withoutLength(rest: Uint8Array): FramedBody {
  if (isLineEnd(rest)) return { body: new Uint8Array(0), notes: [] }
  const note = `There is no Content-Length: all ${rest.length} bytes after the headers are treated as the body`
  const last = rest.at(-1) === 0x0a ? ', including the final line feed' : ''
  return { body: rest, notes: [`${note}${last}.`] }
}

function isLineEnd(bytes: Uint8Array): boolean {
  return bytes.length === 0 || (bytes.length <= 2 && /^\r?\n$/.test(Buffer.from(bytes).toString('latin1')))
}

/** Maximum size of the request line and headers that Node's servers accept, in bytes. */
const maxHead = 16_384

/** A request whose head was parsed by Node's own parser. */
interface NodeRequest {
  message: IncomingMessage
  /** Decodes a chunked body from its bytes. Rejects like {@link readWithNode}. */
  readChunks(bytes: Uint8Array): Promise<Uint8Array>
  /** Discards the request. */
  close(): void
}

/**
 * Parses the head of a request with Node's HTTP server.
 *
 * Rejects with the parser's error, whose `code` begins with `HPE_`.
 *
 * @throws AAuthError `request_malformed` for CONNECT, for which servers close the connection
 */
async function readWithNode(head: Uint8Array): Promise<NodeRequest> {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const server = createServer({ maxHeaderSize: maxHead, insecureHTTPParser: false, requireHostHeader: false })
  server.maxHeadersCount = 0
  let message: IncomingMessage | undefined
  const refused = new Promise<never>((_resolve, reject) => {
    // The request may already be complete. Anything after it would be another request.
    server.on('clientError', (error) => {
      if (!message?.complete) reject(error)
    })
    stream.on('close', () => {
      if (!message)
        reject(new AAuthError('request_malformed', 'It is a CONNECT request for a proxy, which servers do not handle.'))
    })
  })
  const received = new Promise<IncomingMessage>((resolve) => {
    const receive = (request: IncomingMessage) => {
      message = request
      resolve(request)
    }
    server.on('request', receive).on('checkContinue', receive).on('checkExpectation', receive)
  })
  server.emit('connection', stream)
  stream.push(head)
  const close = () => void stream.destroy()
  try {
    return {
      message: await Promise.race([received, refused]),
      readChunks: (bytes) => {
        stream.push(bytes)
        stream.push(null)
        return Promise.race([contentOf(received), refused])
      },
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

async function contentOf(received: Promise<IncomingMessage>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await received) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}
