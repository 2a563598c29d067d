import { Agent, request as send } from 'node:http'
import { gunzipSync } from 'node:zlib'

/** A response whose text is decoded only when it is read: time that the client spends on it delays other requests. */
class Answer {
  #chunks

  constructor(status, headers, chunks) {
    this.status = status
    this.headers = headers
    this.#chunks = chunks
  }

  get text() {
    const bytes = Buffer.concat(this.#chunks)
    return (this.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
  }
}

/** Sends requests to servers in turn, over the given number of keep-alive connections to each. */
export function createClient(ports, connections, onAnswer = () => undefined) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, noDelay: true })
  let turn = 0
  return {
    /** Resolves to the response with its complete body, whatever its status. */
    send: ({ method = 'GET', path, headers = {}, body }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
        const port = ports[turn++ % ports.length]
        const options = { agent, port, host: '127.0.0.1', method, path, headers: { ...headers, ...length } }
        const begun = performance.now()
        const outgoing = send(options, (incoming) => {
          const chunks = []
          incoming.on('data', (chunk) => chunks.push(chunk)).on('error', reject)
          incoming.on('end', () => {
            const { statusCode: status, headers } = incoming
            onAnswer({ status, time: performance.now() - begun })
            resolve(new Answer(status, headers, chunks))
          })
        })
        outgoing.setTimeout(30_000, () => outgoing.destroy(new Error(`no response to ${path} within 30 s`)))
        outgoing.on('error', reject).end(body)
      }),
    close: () => agent.destroy(),
  }
}
