import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AgentError } from 'countersign/agent'
import { causeMessages } from 'countersign/discovery'
import { createConnectionQueue } from 'countersign/node'
import { checkRequest, type SidecarRules, type SidecarTarget } from './check-request.js'
import { requestHeaders, responseHeaders, UnforwardableResponse } from './forward-headers.js'

interface SidecarOptions extends SidecarRules {
  /** Sends requests as the agent. */
  fetch: typeof globalThis.fetch
  /** Called with each request that was refused or got no response, on one line. */
  onProblem: (text: string) => void
}

/** Maximum size of a body, in bytes. It is signed, and therefore read completely before it is sent. */
const mostBody = 256 * 1024 * 1024

/** Creates a server for programs on this machine that sends their requests as the agent. */
export function createSidecar(options: SidecarOptions): Server {
  const queue = createConnectionQueue()
  function serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    answer(incoming, outgoing, options).catch((error: unknown) => {
      options.onProblem(String(error))
      outgoing.destroy()
    })
  }
  const server = createServer({ requestTimeout: 0 }, (incoming, outgoing) =>
    queue.run(incoming, outgoing, () => serve(incoming, outgoing)),
  )
  server.headersTimeout = 30_000
  // Requests inside a tunnel cannot be signed.
  server.on('connect', (_incoming, socket: Duplex) => refuseTunnel(socket))
  return server
}

const tunnel =
  'CONNECT is not supported: use http:// URLs for the sidecar’s hosts. The sidecar sends the requests over https.'

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, options: SidecarOptions): Promise<void> {
  const { method = 'GET', url: rawTarget = '', headers: given, headersDistinct } = incoming
  const { host: hosts = [] } = headersDistinct
  const asked = checkRequest({ method, rawTarget, headers: given, hosts }, options)
  if (!('url' in asked)) {
    const { status, error, problem } = asked
    options.onProblem(problem)
    if (status === 407) outgoing.setHeader('proxy-authenticate', 'Basic realm="countersign"')
    return refuse(outgoing, status, { error, error_description: problem })
  }
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort(new Error('the program disconnected')))
  try {
    const body = await readBody(incoming)
    if (body === undefined) return refuse(outgoing, 413, tooLong)
    if (body.length > 0 && ['GET', 'HEAD'].includes(method)) return refuse(outgoing, 400, withoutBody)
    const headers = requestHeaders(incoming.rawHeaders, options.secret)
    // Content-Type must be set because it is signed, but not every client sets it.
    if (body.length > 0 && !headers.has('content-type')) headers.set('content-type', 'application/octet-stream')
    const response = await options.fetch(asked.url.href, {
      method,
      headers,
      body: body.length > 0 ? body : null,
      signal: gone.signal,
    })
    await pass(response, outgoing, { ...asked, method }, options)
  } catch (error) {
    if (gone.signal.aborted || outgoing.headersSent) {
      outgoing.destroy()
      return
    }
    const { status, retryAfter, body } = describeFailure(error)
    if (retryAfter !== undefined) outgoing.setHeader('retry-after', retryAfter)
    options.onProblem(`${asked.url.host}: ${body.error_description}`)
    refuse(outgoing, status, body)
  }
}

const withoutBody = { error: 'request_malformed', error_description: 'GET and HEAD requests cannot have a body.' }

const tooLong = {
  error: 'request_malformed',
  error_description: 'A body can have up to 256 MiB, because it is signed as a whole.',
}

async function pass(
  response: Response,
  outgoing: ServerResponse,
  asked: SidecarTarget & { method: string },
  { hosts, onProblem }: SidecarOptions,
): Promise<void> {
  let headers: [string, string][]
  try {
    headers = responseHeaders(response, asked, hosts)
  } catch (error) {
    if (!(error instanceof UnforwardableResponse)) throw error
    await response.body?.cancel()
    const problem = `${asked.url.host} ${error.message}`
    onProblem(problem)
    return refuse(outgoing, 502, { error: error.code, error_description: problem })
  }
  outgoing.writeHead(response.status, headers.flat())
  if (response.body === null) {
    outgoing.end()
    return
  }
  // Send the headers at once: the first data of a stream may come much later.
  outgoing.flushHeaders()
  await pipeline(response.body as unknown as AsyncIterable<Uint8Array>, outgoing)
}

/** Returns undefined if the body is too large. */
async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > mostBody) return undefined
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function refuse(outgoing: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  outgoing.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  outgoing.end(text)
}

function refuseTunnel(socket: Duplex): void {
  socket.on('error', () => undefined)
  const head = 'HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nConnection: close'
  // The other side may never close the connection.
  socket.end(`${head}\r\nContent-Length: ${tunnel.length + 1}\r\n\r\n${tunnel}\n`, () => socket.destroy())
}

/** The response to a program whose request failed: JSON, with the URL of the consent page if a user must decide. */
interface SidecarFailure {
  status: number
  /** Seconds until the program may retry. */
  retryAfter?: number | undefined
  body: { error: string; error_description: string; consent_url?: string | undefined }
}

const statuses: Partial<Record<AgentError['code'], number>> = {
  consent_required: 401,
  consent_expired: 401,
  access_denied: 403,
  auth_server_refused: 403,
  other_user: 403,
  auth_server_unreachable: 503,
}

/** Converts a failure to a response for the program: the status, and a body with the error and a sentence about it. */
export function describeFailure(error: unknown): SidecarFailure {
  if (error instanceof AgentError) {
    const { code, message, consent, retryAfter } = error
    const body = { error: code, error_description: message, consent_url: consent?.url }
    return { status: retryAfter === undefined ? (statuses[code] ?? 502) : 503, retryAfter, body }
  }
  const reasons = causeMessages(error)
  const said = reasons.at(-1) ?? (error instanceof Error ? error.message : String(error))
  const why = /wrong version number|SSL routines/.test(said) ? 'it does not support https' : said.trim()
  return { status: 502, body: { error: 'not_answered', error_description: `No response: ${why}` } }
}
