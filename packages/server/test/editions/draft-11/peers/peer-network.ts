import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeToken } from 'countersign/tokens'
import { onTestFinished } from 'vitest'

/** The network between the parties, which know each other by https names. Whatever the protocol sends is recorded. */
export interface PeerNetwork {
  readonly fetch: typeof globalThis.fetch
  /** The port for programs in other processes. */
  readonly port: number
  readonly origins: Map<string, (request: Request) => Response | Promise<Response>>
  /** The signed requests with their responses, one a line. */
  readonly messages: string[]
}

type SendTo = (port: number, request: Request) => Promise<Response>
const module = new URL('loopback-network.mjs', import.meta.url).href
export const { sendTo } = (await import(module)) as { sendTo: SendTo }

export async function openPeerNetwork(): Promise<PeerNetwork> {
  const origins: PeerNetwork['origins'] = new Map()
  const messages: string[] = []
  async function dispatch(request: Request): Promise<Response> {
    const answer = origins.get(new URL(request.url).origin)
    if (!answer) throw new TypeError(`no such origin: ${request.url}`)
    const seen = request.clone()
    const response = await answer(request)
    if (seen.headers.has('signature')) messages.push(await lineOf(seen, response.clone()))
    return response
  }
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = 'GET', url = '/', headers } = incoming
      const body = chunks.length > 0 ? Buffer.concat(chunks) : null
      const request = new Request(`https://${headers.host}${url}`, { method, headers: headers as HeadersInit, body })
      const answered = dispatch(request).catch((error: Error) => new Response(error.message, { status: 502 }))
      void answered.then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers))
        outgoing.end(Buffer.from(await response.arrayBuffer()))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const { port } = server.address() as AddressInfo
  return { fetch: (input, init) => dispatch(new Request(input, init)), port, origins, messages }
}

/** `GET api.example/data (agent token): 401 requirement=person-token` */
async function lineOf({ method, url, headers }: Request, response: Response): Promise<string> {
  const { host, pathname } = new URL(url)
  const [, jwt = ''] = /jwt="([^"]+)"/.exec(headers.get('signature-key') ?? '') ?? []
  const signedWith = /^aa-(.*)\+jwt$/.exec(String(decodeToken(jwt)?.header.typ))?.[1] ?? 'no'
  const [, required] = /requirement=[" ]*([\w-]+)/.exec(response.headers.get('aauth-requirement') ?? '') ?? []
  const [, problem] = /error=([\w]+)/.exec(response.headers.get('signature-error') ?? '') ?? []
  const body = (await response.json().catch(() => ({}))) as { error?: unknown }
  const error = response.ok ? undefined : body.error
  const said = [response.status, required && `requirement=${required}`, problem ?? error].filter(Boolean).join(' ')
  return `${method} ${host}${pathname.replace(/pending\/.*/, 'pending/…')} (${signedWith} token): ${said}`
}
