import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { refuseUnreadable } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'

async function responseTo(request: string, respond: boolean): Promise<string> {
  const server = createServer((_, outgoing) => {
    if (respond) outgoing.write('partial')
  })
  refuseUnreadable(server)
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    if (text.includes('partial')) socket.write('x\r\n')
  })
  socket.write(request)
  await new Promise((resolve) => socket.on('error', resolve).once('close', resolve))
  return text
}

const head = 'POST /a HTTP/1.1\r\nHost: a\r\n'

// G60
it.each([
  ['headers above the limit', `${head}X-Long: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['an invalid header', `${head}X Y: a\r\n\r\n`, 400],
  ['two lengths', `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
  ['a long chunk extension', `${head}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`, 413],
])('refuses %s, and no cache stores the response', async (_what, request, status) => {
  const response = await responseTo(request, false)
  expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\r\nCache-Control: no-store\r\n`))
})

it('adds nothing to a response that has started', async () => {
  const response = await responseTo(`${head}Transfer-Encoding: chunked\r\n\r\n`, true)
  expect(response.match(/HTTP\/1/g)).toHaveLength(1)
})
