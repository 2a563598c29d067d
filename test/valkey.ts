import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { has } from './needs.js'

/** Whether a Valkey server is available to test with. */
export function hasValkey(): boolean {
  return has('valkey-server')
}

/** A server that persists its data, however it is stopped. */
export interface Valkey {
  readonly url: string
  start(): Promise<void>
  stop(signal: NodeJS.Signals): Promise<void>
  /** Sends it a signal that does not stop it. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  /** Stops it, and removes its data. */
  remove(): Promise<void>
}

export async function createValkey(): Promise<Valkey> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-valkey-'))
  const port = await freePort()
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const kept = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
    server = spawn('valkey-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...kept], {
      stdio: 'ignore',
    })
    for (let turn = 0; turn < 500; turn++) {
      const socket = connect(port, '127.0.0.1')
      const isOpen = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      socket.destroy()
      if (isOpen) return
      await new Promise((soon) => setTimeout(soon, 10))
    }
    throw new Error('valkey-server did not start')
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    const child = server
    server = undefined
    if (!child) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    signal: (name) => void server?.kill(name),
    async remove() {
      await stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
