import { AAuthError, type ReceivedMessage } from 'countersign'
import { fieldValues } from 'countersign/wire'
import { type FramedBody, frameBody } from './frame-body.js'

/** Bytes that Node's servers read of the request line and the headers. */
const maxHead = 16_384
const maxBody = 1_048_576

/** More input than this is no request that any limit would let through, chunked or not. */
export const maxRequest = 2 * maxBody

export interface ParsedRequest {
  message: ReceivedMessage
  host: string | undefined
  body: Uint8Array
  /** What was read other than a server would read it. */
  notes: readonly string[]
}

/**
 * Reads an HTTP/1.1 request as it was on the wire (RFC 9112); lines may end with LF alone, as in files.
 *
 * @throws AAuthError `request_malformed`, `headers_too_large`, `body_too_large`
 */
export function parseHttpRequest(input: Uint8Array): ParsedRequest {
  if (input.length > maxRequest)
    throw new AAuthError('body_too_large', `The request is larger than ${maxRequest} bytes.`)
  const { head, rest, complete, tooLong } = splitHead(input)
  const [requestLine = '', ...lines] = head.split(/\r?\n/)
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(1\.[01]|[23](?:\.0)?)$/.exec(requestLine)
  if (!match) throw malformed(firstLineProblem(requestLine))
  if (tooLong)
    throw new AAuthError('headers_too_large', `The request line and headers are longer than ${maxHead} bytes.`)
  const [, method = '', rawTarget = '', version = ''] = match
  const rawHeaders = lines.flatMap(parseHeader)
  const [host] = fieldValues({ rawHeaders }, 'host')
  const framed: FramedBody = frameBody({ rawHeaders }, rest)
  return {
    message: {
      method,
      rawTarget,
      rawHeaders,
      body: async (limit) => {
        if (framed.body.length <= limit) return framed.body
        throw new AAuthError('body_too_large', `The body is larger than ${limit} bytes.`)
      },
    },
    host,
    body: framed.body,
    notes: [
      ...(version.startsWith('1')
        ? []
        : [`It says HTTP/${version}, and is read as HTTP/1.1: what is signed is the same.`]),
      ...(complete ? [] : ['There is no empty line after the headers; they are taken as complete.']),
      ...framed.notes,
    ],
  }
}

/** What people paste in place of a request, and how to make one of it. */
const firstLines: readonly (readonly [form: RegExp, problem: string])[] = [
  [/^[>*<] /, 'Its lines begin as curl -v prints them: take “> ” away, and what does not begin with it.'],
  [/^:[a-z]+:/, 'It begins with pseudo-headers of HTTP/2: write GET /data HTTP/1.1 and Host: api.example instead.'],
  [/^HTTP\/\d/, 'It is a response: only requests are signed here.'],
  // UTF-8, read as Latin-1.
  [/^\u00ef\u00bb\u00bf/, 'It begins with a byte-order mark: save it without one.'],
  [/^\u00ff\u00fe|^\u00fe\u00ff/, 'It is in UTF-16: save it as plain ASCII or UTF-8.'],
]

function firstLineProblem(line: string): string {
  const known = firstLines.find(([form]) => form.test(line))
  return known?.[1] ?? 'The first line is not one of HTTP/1.1, such as GET /data HTTP/1.1.'
}

interface SplitRequest {
  head: string
  rest: Uint8Array
  /** Whether an empty line ends the head. */
  complete: boolean
  tooLong: boolean
}

function splitHead(input: Uint8Array): SplitRequest {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  // An empty line before the request line is passed over (RFC 9112 §2.2).
  const start = bytes[0] === 0x0a ? 1 : bytes[0] === 0x0d && bytes[1] === 0x0a ? 2 : 0
  const text = bytes.subarray(start, start + maxHead + 4).toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)
  if (end) {
    const rest = bytes.subarray(start + end.index + end[0].length)
    return { head: text.slice(0, end.index), rest, complete: true, tooLong: false }
  }
  const tooLong = bytes.length - start > maxHead
  return { head: text.replace(/\r?\n$/, ''), rest: new Uint8Array(0), complete: false, tooLong }
}

function parseHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(0, colon))
  const value = line.slice(colon + 1)
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    throw malformed(
      /^[ \t]/.test(line)
        ? 'A header line is folded: put it on one line.'
        : 'A header line is not of the form Name: value.',
    )
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw malformed('A header value has control characters.')
  return [name, value]
}

function malformed(message: string): AAuthError {
  return new AAuthError('request_malformed', message)
}
