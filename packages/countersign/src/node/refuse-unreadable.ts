import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The statuses with which Node.js responds to requests that its parser rejects. */
const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/**
 * Responds to requests that cannot be parsed as Node.js does, but with `Cache-Control: no-store`. Otherwise, a cache that stores errors would
 * repeat such a response to other clients: a request whose headers the cache accepts, but not Node.js, would make a public URL unavailable.
 *
 * @example
 * ```ts
 * refuseUnreadable(server)
 * ```
 */
export function refuseUnreadable(server: Server): void {
  server.on(
    'clientError',
    (error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: ServerResponse | null }) => {
      const status = statuses[error.code ?? ''] ?? '400 Bad Request'
      if (socket.writable && !socket._httpMessage?.headersSent)
        socket.write(`HTTP/1.1 ${status}\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      socket.destroy(error)
    },
  )
}
