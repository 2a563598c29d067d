import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

/** A message as a mail server received it. */
export interface Received {
  from: string
  to: string[]
  /** Header fields by lowercase name, unfolded. */
  headers: ReadonlyMap<string, string>
  /** The decoded parts, by content type. */
  parts: ReadonlyMap<string, string>
  raw: string
}

/** A real SMTP server on loopback, and what it received. It closes when the test has finished. */
export async function openMailServer(options: SMTPServerOptions = {}): Promise<{ port: number; received: Received[] }> {
  const received: Received[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onData(stream, { envelope }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = envelope
        const to = rcptTo.map(({ address }) => address)
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to,
          ...parse(Buffer.concat(chunks).toString()),
        })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return { port: (server.server.address() as AddressInfo).port, received }
}

/** A server that does whatever a test wants with each connection. */
export async function openRawServer(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function parse(raw: string): Pick<Received, 'headers' | 'parts' | 'raw'> {
  const [head = ''] = raw.split('\r\n\r\n', 1)
  const headers = fieldsOf(head)
  const [, boundary = ''] = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '') ?? []
  const parts = raw
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part): [string, string] => {
      const [partHead = '', ...body] = part.trimStart().split('\r\n\r\n')
      const fields = fieldsOf(partHead)
      const [type = ''] = (fields.get('content-type') ?? '').split(';')
      return [type, decode(body.join('\r\n\r\n'), fields.get('content-transfer-encoding'))]
    })
  return { headers, parts: new Map(parts), raw }
}

function fieldsOf(head: string): Map<string, string> {
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')
  return new Map(
    lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
  )
}

function decode(text: string, encoding = '7bit'): string {
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString()
  if (encoding !== 'quoted-printable') return text
  const bytes = text
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
