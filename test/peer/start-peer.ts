import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { has, python } from '../needs.js'

const script = fileURLToPath(new URL('peer.py', import.meta.url))

/** Whether Python 3 with `cryptography` is installed. */
export function canRunPeer(): boolean {
  return has('Python with cryptography')
}

/** A running peer. */
export interface Peer {
  /** Its identifier. */
  id: string
  /** Lines of stdout after `ready`. */
  lines: readonly string[]
  /** The reasons for its refusals. */
  refusals: readonly string[]
  /** Resolves to its exit code when it has exited. */
  ended: Promise<number | null>
  stop(): Promise<void>
}

/** Starts the peer on a free port and waits until it listens. */
export async function startPeer(
  role: 'agent' | 'resource' | 'auth-server',
  ...flags: readonly string[]
): Promise<Peer> {
  const child = spawn(python, [script, role, '--port', '0', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  const refusals: string[] = []
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => refusals.push(line))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const id = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(line.slice('ready '.length))
      else lines.push(line)
    })
    void ended.then((code) => reject(new Error(`the peer exited with ${code}: ${refusals.join('\n')}`)))
  })
  return { id, lines, refusals, ended, stop: () => stop(child, ended) }
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill()
  await ended
}
