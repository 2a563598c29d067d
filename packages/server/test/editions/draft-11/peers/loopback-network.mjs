import { request as httpRequest } from 'node:http'

/** The network of a program in another process: every request goes to one port of this machine, which dispatches by `Host`. */
const port = Number(process.env.PEER_NETWORK ?? 0)
if (port > 0) globalThis.fetch = async (input, init) => sendTo(port, new Request(input, init))

/** Sends a request to a port of this machine. Its host stays the one in its URL. */
export async function sendTo(to, request) {
  const { host, pathname, search } = new URL(request.url)
  const body = Buffer.from(await request.arrayBuffer())
  const headers = { ...Object.fromEntries(request.headers), host }
  if (body.length > 0) headers['content-length'] = String(body.length)
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: to, method: request.method, path: pathname + search, headers }
    const sent = httpRequest(options, (response) => {
      const chunks = []
      response.on('error', reject)
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode: status, rawHeaders } = response
        const pairs = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1]]] : []))
        const isEmpty = [101, 204, 205, 304].includes(status)
        resolve(new Response(isEmpty ? null : Buffer.concat(chunks), { status, headers: pairs }))
      })
    })
    sent.on('error', (cause) => reject(new TypeError(`no response from port ${to}`, { cause })))
    sent.setTimeout(30_000, () => sent.destroy(new Error('no response within 30 s')))
    sent.end(body)
  })
}
