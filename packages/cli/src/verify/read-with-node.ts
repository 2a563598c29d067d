import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { AAuthError } from 'countersign'

/** Bytes that Node's servers read of the request line and the headers. */
export const maxHead = 16_384

/** A request whose head Node's own parser has read. */
export interface NodeRequest {
  message: IncomingMessage
  /** The content of a chunked body, of which these are the bytes. Rejects as {@link readWithNode} does. */
  readChunks(bytes: Uint8Array): Promise<Uint8Array>
  /** Forgets the request. */
  close(): void
}

/**
 * Has the head of a request read as Node's HTTP servers read it.
 *
 * Rejects with the parser's error, whose `code` begins with `HPE_`.
 *
 * @throws AAuthError `request_malformed` for CONNECT, on which servers hang up
 */
export async function readWithNode(head: Uint8Array): Promise<NodeRequest> {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const server = createServer({ maxHeaderSize: maxHead, insecureHTTPParser: false, requireHostHeader: false })
  server.maxHeadersCount = 0
  let message: IncomingMessage | undefined
  const refused = new Promise<never>((_resolve, reject) => {
    // A request may be whole already: what follows it is another.
    server.on('clientError', (error) => {
      if (!message?.complete) reject(error)
    })
    stream.on('close', () => {
      if (!message) reject(new AAuthError('request_malformed', 'It is for a proxy: CONNECT asks no server.'))
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
