import { once } from 'node:events'
import { Agent, createServer as createHttpServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * How a proxy treats a connection. `drops`: nothing is forwarded, and nothing is closed. `before-commit`, `after-commit`: the connection is
 * lost with the next commit, before or after the database executes it.
 */
export type Line = 'whole' | 'slow' | 'drops' | 'half-closed' | 'refuses' | 'before-commit' | 'after-commit'

/** A proxy between a server and its database. */
export interface DatabaseProxy {
  url: string
  /** How connections are treated. Setting it also affects open connections. */
  line: Line
  /** Changes the target of connections. Open connections are closed. */
  createOneTimeLink(url: string): void
}

/** Delay of a slow connection, in milliseconds. */
const delay = 5000

/** Starts a proxy on loopback, to connect to instead of a database. */
export async function proxyTo(url: string): Promise<DatabaseProxy> {
  let target = new URL(url)
  let line: Line = 'whole'
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    if (line === 'refuses') return void near.destroy()
    const far = connect(Number(target.port), target.hostname)
    let isCommitting = false
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => {
        isCommitting ||= from === near && line.endsWith('-commit') && bytes.includes('commit\0')
        if (isCommitting && (line === 'before-commit' || from === far)) return void near.destroy()
        if (line === 'slow') setTimeout(() => to.destroyed || to.write(bytes), delay)
        else if (line !== 'drops') to.write(bytes)
      })
      from.once('end', () => line !== 'drops' && to.end())
      from.once('error', () => to.destroy())
      from.once('close', () => {
        sockets.delete(from)
        if (line !== 'drops') to.destroy()
      })
    }
  })
  const port = await listening(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href,
    get line() {
      return line
    },
    set line(next) {
      line = next
      if (next === 'half-closed') for (const socket of sockets) socket.end()
      if (next === 'refuses') for (const socket of sockets) socket.destroy()
      // Dropped bytes are lost, so the connection is no longer usable.
      if (next === 'whole') for (const socket of sockets) socket.destroy()
    },
    createOneTimeLink(next) {
      target = new URL(next)
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Starts a simple proxy that distributes requests to several instances in turn. An instance that refuses the connection is skipped. */
export async function balance(origins: readonly string[]): Promise<string> {
  const agent = new Agent({ keepAlive: true })
  let turn = 0
  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const first = turn++
    for (let tries = 0; tries < origins.length; tries += 1) {
      const origin = origins[(first + tries) % origins.length] ?? ''
      try {
        const answer = await send(origin, incoming, Buffer.concat(chunks), agent)
        const { connection: _hop, 'keep-alive': _kept, ...headers } = answer.headers
        outgoing.writeHead(answer.statusCode ?? 502, headers)
        answer.pipe(outgoing)
        return
      } catch (error) {
        const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
        if (isRefused) continue
        outgoing.writeHead(502).end(String(error))
        return
      }
    }
    outgoing.writeHead(502).end('no instance accepts connections')
  }
  const server = createHttpServer((incoming, outgoing) => void pass(incoming, outgoing))
  const port = await listening(server)
  onTestFinished(() => {
    agent.destroy()
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}`
}

async function send(origin: string, incoming: IncomingMessage, body: Buffer, agent: Agent): Promise<IncomingMessage> {
  const { method, headers, url } = incoming
  const { connection: _hop, 'transfer-encoding': _coding, ...passed } = headers
  const outgoing = request(origin + (url ?? ''), {
    method,
    agent,
    headers: { ...passed, 'content-length': body.length },
  })
  outgoing.end(body)
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return answer
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
