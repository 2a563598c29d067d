import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PrivateJwk } from 'countersign'
import { python } from '../needs.js'

const pathTo = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** Options of `create_agent` that are data. */
export interface PythonAgentOptions {
  id: string
  key: PrivateJwk
  redirectUri: string
  authServers: readonly string[]
  /** For a delegate. */
  agentToken?: string | undefined
  /** Sends all requests there, with the origin of their URL in `x-origin`. @default the URL's own origin */
  proxy?: string | undefined
}

export interface PythonRequest {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** How far the agent's clock is ahead, in seconds. */
  offset?: number
}

/** A response, or the code of an error. */
export type PythonAnswer = { status: number; body: string } | { error: string; message: string }

export interface RunningAgent {
  /** What the agent publishes, by path. */
  documents: Record<string, object>
  fetch(url: string, request?: PythonRequest): Promise<PythonAnswer>
}

/** Python processes that a test starts, and stops afterwards. */
export interface PythonProcesses {
  /** Starts an agent. `decide` receives the link of each consent. */
  startAgent: (options: PythonAgentOptions, decide: (url: string) => Promise<unknown>) => Promise<RunningAgent>
  /** Runs one of the examples, on loopback. */
  runExample: (name: string, settings: Record<string, string>) => ChildProcessWithoutNullStreams
  /** Writes a private key to a file. */
  keyFile: (jwk: PrivateJwk) => string
  stopAll: () => Promise<void>
}

export function createPythonProcesses(): PythonProcesses {
  const processes: ChildProcess[] = []
  const files: string[] = []

  return {
    async startAgent(options, decide) {
      const child = spawn(python, [pathTo('agent_driver.py'), JSON.stringify(options)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      processes.push(child)
      const next = linesOf(child)
      const { documents } = JSON.parse(await next()) as RunningAgent
      return {
        documents,
        async fetch(url, request = {}) {
          child.stdin.write(`${JSON.stringify({ url, ...request })}\n`)
          for (;;) {
            const message = JSON.parse(await next()) as PythonAnswer & { consent?: string }
            if (message.consent === undefined) return message
            await decide(message.consent)
          }
        },
      }
    },

    runExample(name, settings) {
      const environment = {
        PYTHONPATH: pathTo('../../python'),
        PYTHONDONTWRITEBYTECODE: '1',
        ALLOW_INSECURE_LOOPBACK: '1',
        ...settings,
      }
      const child = spawn(python, [pathTo(`../../python/examples/${name}`)], {
        env: { ...process.env, ...environment },
      })
      processes.push(child)
      return child
    },

    keyFile(jwk) {
      const path = join(mkdtempSync(join(tmpdir(), 'python-key-')), 'key.json')
      files.push(path)
      writeFileSync(path, JSON.stringify(jwk), { mode: 0o600 })
      return path
    },

    async stopAll() {
      for (const child of processes.splice(0)) {
        if (child.exitCode !== null) continue
        const exited = once(child, 'exit')
        child.kill()
        await exited
      }
      for (const path of files.splice(0)) rmSync(dirname(path), { recursive: true })
    },
  }
}

/** Reads the lines that a process prints, one after the other. */
export function linesOf({ stdout }: Pick<ChildProcessWithoutNullStreams, 'stdout'>): () => Promise<string> {
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the process ended')
    return value as string
  }
}
