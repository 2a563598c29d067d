import { Agent, createServer, request } from 'node:http'

/** Connection-specific fields (RFC 9110 §7.6.1), and `Host`, which is rewritten. */
const dropped = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The best reverse proxy that fits on a page using Node.js alone: it does what every proxy must do, and nothing else. It is the baseline
 * for the gateway.
 *
 * @param check called for each request before it is forwarded
 */
export function createPlainProxy(port, check = () => undefined) {
  const agent = new Agent({ keepAlive: true })
  const host = ['Host', `127.0.0.1:${port}`]
  return createServer((incoming, outgoing) => {
    check()
    const { method, url, rawHeaders, headers } = incoming
    const forwarded = host.concat(endToEnd(rawHeaders), 'X-Forwarded-For', incoming.socket.remoteAddress)
    const options = { agent, host: '127.0.0.1', port, method, path: url, headers: forwarded }
    const onward = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode, endToEnd(answer.rawHeaders))
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    onward.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()))
    outgoing.on('close', () => outgoing.writableFinished || onward.destroy())
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) onward.end()
    else incoming.pipe(onward)
  })
}

function endToEnd(rawHeaders) {
  const kept = []
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (!dropped.has(rawHeaders[at].toLowerCase())) kept.push(rawHeaders[at], rawHeaders[at + 1])
  return kept
}
