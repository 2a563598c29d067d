import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Identifies the connections of one test, because tests run in parallel. */
interface TestEnd {
  onTestFinished(end: () => void): void
}

/** A loopback server that does one thing to each connection, as soon as data arrives on it. */
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

/** Writes small pieces repeatedly while the connection is read. */
export function drip(socket: Socket, beginning: string, drop: string): void {
  socket.write(beginning)
  const timer = setInterval(() => socket.write(drop), 50)
  socket.once('close', () => clearInterval(timer))
}
