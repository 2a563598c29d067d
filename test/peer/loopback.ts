import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { type Peer, startPeer } from './start-peer.js'

/** Servers and peers that a test starts on loopback, and stops afterwards. */
export interface Loopback {
  /** Serves one of our roles on a free port; resolves to its identifier. */
  listen: (create: (id: string) => Promise<Handler>) => Promise<string>
  /** Starts a peer. */
  start: (...parameters: Parameters<typeof startPeer>) => Promise<Peer>
  closeAll: () => Promise<void>
}

export function createLoopback(): Loopback {
  const closers: (() => Promise<void>)[] = []
  return {
    async listen(create) {
      let listener: ReturnType<typeof createNodeListener> | undefined
      const server = createServer((incoming, outgoing) => listener?.(incoming, outgoing))
      const id = `http://127.0.0.1:${await open(server)}`
      closers.push(() => close(server))
      listener = createNodeListener(await create(id), { origin: id })
      return id
    },
    async start(...parameters) {
      const peer = await startPeer(...parameters)
      closers.push(() => peer.stop())
      return peer
    },
    async closeAll() {
      for (const closing of closers.splice(0).reverse()) await closing()
    },
  }
}

async function open(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
