import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { AgentSettings } from './our-parties.js'
import { type PeerNetwork, sendTo } from './peer-network.js'

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Where `npm run interop` has installed the peers of the npm registry. */
const installed = process.env.DRAFT_11_PEERS ?? ''

/** A folder with the packages `agent` and `resource` of the August 2026 family, built. */
export const packagesFolder = process.env.DRAFT_11_PACKAGES

/** Starts a program whose only network is `network`. It is stopped when the test ends. */
function start(network: PeerNetwork, file: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = fork(file, args, {
    execArgv: ['--no-warnings', '--import', fileOf('loopback-network.mjs')],
    env: { PATH: process.env.PATH ?? '', PEER_NETWORK: String(network.port), ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  child.stdout?.resume()
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  })
  return child
}

/** Starts mockin as the person server, and returns a function that changes what it does. */
export async function startMockin(network: PeerNetwork, id: string): Promise<(settings: object) => Promise<void>> {
  const port = await freePort()
  const folder = join(installed, 'node_modules', '@hellocoop', 'mockin')
  start(network, join(folder, 'src', 'server.js'), [], { PORT: String(port), IP: '127.0.0.1', ISSUER: id })
  const send = (path: string, init?: RequestInit) => sendTo(port, new Request(id + path, init))
  const isUp = () =>
    send('/version').then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(isUp, { timeout: 20_000 }).toBe(true)
  network.origins.set(id, (request) => sendTo(port, request))
  return async (settings) => {
    const headers = { 'content-type': 'application/json' }
    const { ok } = await send('/mock/aauth', { method: 'PUT', headers, body: JSON.stringify(settings) })
    expect(ok).toBe(true)
  }
}

/** What a request of the peer's agent led to. */
export interface PeerOutcome {
  status?: number
  error?: string
}

/** Starts an agent made with `@aauth/agent`. */
export async function startPeerAgent(
  network: PeerNetwork,
  { id, personServer, onPage }: Pick<AgentSettings, 'id' | 'personServer' | 'onPage'>,
): Promise<(url: string, init?: object) => Promise<PeerOutcome>> {
  const child = start(network, fileOf('peer-agent.mjs'), [packagesFolder ?? '', id, personServer])
  const { documents } = (await messageOf(child, 'documents')) as { documents: Record<string, object> }
  network.origins.set(id, ({ url }) => Response.json(documents[new URL(url).pathname]))
  child.on('message', (message: { page?: string }) => message.page !== undefined && onPage(message.page))
  return async (url, init) => {
    const answered = messageOf(child, 'outcome')
    child.send({ url, init })
    return ((await answered) as { outcome: PeerOutcome }).outcome
  }
}

/** Starts a resource made with `@aauth/resource`. */
export async function startPeerResource(network: PeerNetwork, id: string, personServer: string): Promise<void> {
  const child = start(network, fileOf('peer-resource.mjs'), [packagesFolder ?? '', id, personServer])
  const { port } = (await messageOf(child, 'port')) as { port: number }
  network.origins.set(id, (request) => sendTo(port, request))
}

/** The next message of a program that has a member. */
function messageOf(child: ChildProcess, member: string): Promise<object> {
  return new Promise((resolve, reject) => {
    const receive = (message: object) => {
      if (!(member in message)) return
      child.off('message', receive)
      child.off('exit', fail)
      resolve(message)
    }
    const fail = (code: number | null) => reject(new Error(`the program ended with ${code} before it sent ${member}`))
    child.on('message', receive)
    child.once('exit', fail)
  })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return port
}
