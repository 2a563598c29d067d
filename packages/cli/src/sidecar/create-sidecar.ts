import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createConnectionQueue } from 'countersign/node'
import { checkRequest, type SidecarTarget } from './check-request.js'
import { requestHeaders, responseHeaders, UnforwardableResponse } from './forward-headers.js'
import { forwardUpgrade, UpgradableRequest, type UpgradeOptions } from './forward-upgrade.js'
import { refuse, refuseFailed, refuseFor } from './refusals.js'

interface SidecarOptions extends UpgradeOptions {
  /** Sends requests as the agent. */
  fetch: typeof globalThis.fetch
  /** Called with a one-line description of each request that was refused or got no response. */
  onProblem: (text: string) => void
}

/** Maximum size of a body, in bytes. The body is signed, so it is read completely before it is sent. */
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
  const server = createServer({ requestTimeout: 0, IncomingMessage: UpgradableRequest }, (incoming, outgoing) =>
    queue.run(incoming, outgoing, () => serve(incoming, outgoing)),
  )
  server.headersTimeout = 30_000
  // Requests inside a tunnel cannot be signed.
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Responses to earlier requests on this connection are still pending.
    if (queue.isBusy(socket)) return void socket.destroy()
    forwardUpgrade(incoming, { socket, head }, options).catch((error: unknown) => {
      options.onProblem(String(error))
      socket.destroy()
    })
  })
  server.on('connect', (_incoming, socket: Duplex) => refuseTunnel(socket))
  return server
}

const tunnel =
  'CONNECT is not supported: use http:// URLs for the sidecar’s hosts. The sidecar sends the requests over https.'

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, options: SidecarOptions): Promise<void> {
  const { method = 'GET', url: rawTarget = '', headers: given, headersDistinct } = incoming
  const { host: hosts = [] } = headersDistinct
  const asked = checkRequest({ method, rawTarget, headers: given, hosts }, options)
  if (!('url' in asked)) return refuseFor(outgoing, asked, options.onProblem)
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
    refuseFailed(outgoing, error, { host: asked.url.host, onProblem: options.onProblem })
  }
}

const withoutBody = { error: 'request_malformed', error_description: 'GET and HEAD requests cannot have a body.' }

const tooLong = {
  error: 'request_malformed',
  error_description: 'A body must not be larger than 256 MiB, because it is signed as a whole.',
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
    return refuseFor(outgoing, error.refusal(asked.url.host), onProblem)
  }
  outgoing.writeHead(response.status, headers.flat())
  if (response.body === null) {
    outgoing.end()
    return
  }
  // The headers are sent at once, because the first data of a stream may come much later.
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

function refuseTunnel(socket: Duplex): void {
  socket.on('error', () => undefined)
  const head = 'HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nConnection: close'
  // The other side may never close the connection.
  socket.end(`${head}\r\nContent-Length: ${tunnel.length + 1}\r\n\r\n${tunnel}\n`, () => socket.destroy())
}
