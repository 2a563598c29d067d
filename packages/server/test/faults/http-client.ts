import { Agent, type IncomingMessage, request as send } from 'node:http'

/**
 * A `fetch` over `node:http` with a new connection for each request, so that no request is sent on a connection that a killed server left
 * behind.
 *
 * @param to the origin to which a request is actually sent, given its own origin
 */
export function directFetch(
  to: (origin: string) => string = (origin) => origin,
  { agent = new Agent({ keepAlive: false }), patience = 30_000 }: { agent?: Agent; patience?: number } = {},
): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
    const url = to(origin) + request.url.slice(origin.length)
    const headers = { ...Object.fromEntries(request.headers), ...(body && { 'content-length': body.length }) }
    const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = send(url, { agent, method: request.method, headers }, resolve)
      outgoing.setTimeout(patience, () => outgoing.destroy(new Error(`no response within ${patience} ms`)))
      outgoing.once('error', reject).end(body)
    })
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const answered = new Headers()
    for (let index = 0; index < incoming.rawHeaders.length; index += 2)
      answered.append(incoming.rawHeaders[index] ?? '', incoming.rawHeaders[index + 1] ?? '')
    const status = incoming.statusCode ?? 0
    const isEmpty = status === 204 || status === 304
    return new Response(isEmpty ? null : Buffer.concat(chunks), { status, headers: answered })
  }
}
