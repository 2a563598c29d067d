import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What tells that a test has ended: a test that runs beside others has its own. */
interface TestEnd {
  onTestFinished(end: () => void): void
}

/** A server on loopback that does one thing to each connection, as soon as something was sent over it. */
export async function listenAnd(behave: (socket: Socket) => void, test: TestEnd = { onTestFinished }): Promise<URL> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => behave(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

/** Writes a little, again and again, as long as somebody reads. */
export function drip(socket: Socket, beginning: string, drop: string): void {
  socket.write(beginning)
  const timer = setInterval(() => socket.write(drop), 50)
  socket.once('close', () => clearInterval(timer))
}
