import { connect } from 'node:net'
import type { Message } from './attack.js'

/** The response, parsed no further than necessary. */
export interface Answer {
  status: number
  headers: Headers
  body: string
  /** The HTTP/2 parser reset the stream. */
  isReset?: boolean
}

/** Sends the message to a loopback port, byte for byte, and collects the response until the connection closes. */
export async function exchange(port: number, message: Message): Promise<Answer> {
  return parseAnswer(await send(port, bytesOf(message)))
}

function send(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (answer += chunk))
    // A server that rejects early closes the connection while the request is still being sent.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}

function bytesOf({ method, target, headers, body, raw, from }: Message): Buffer {
  const content = Buffer.from(body)
  const framed = headers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(content.length > 0 && !framed ? [`content-length: ${content.length}`] : []),
    ...(from === undefined ? [] : [`x-forwarded-for: ${from}`]),
    'connection: close',
  ]
  const head = `${lines.join('\r\n')}\r\n\r\n`
  return raw
    ? Buffer.from(raw(head + content.toString('latin1')), 'latin1')
    : Buffer.concat([Buffer.from(head, 'latin1'), content])
}

function parseAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = new Headers()
  for (const line of lines) headers.append(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim())
  return { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) }
}
