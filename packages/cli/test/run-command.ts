import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Finished {
  status: number | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcessWithoutNullStreams
  finished: Promise<Finished>
  /** Resolves to the first match in the command's output so far, on either stream. */
  seen(pattern: RegExp): Promise<RegExpExecArray>
}

const bin = fileURLToPath(new URL('../bin/countersign.js', import.meta.url))

/** Starts the built command as a separate process, without a display. */
export function startCommand(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...inherited } = process.env
  const child = spawn(process.execPath, [bin, ...args], { env: { ...inherited, ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
  })
  return {
    child,
    finished,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout + stderr)
          if (match) resolve(match)
        }
        child.stdout.on('data', look)
        child.stderr.on('data', look)
        child.on('close', () => reject(new Error(`ended without ${pattern}: ${stderr}`)))
        look()
      }),
  }
}

/** Runs the built command to completion. */
export function runCommand(...args: string[]): Promise<Finished> {
  return startCommand(args).finished
}

/** Runs the built command with the given standard input. */
export function pipeCommand(input: string | Uint8Array, ...args: string[]): Promise<Finished> {
  const { child, finished } = startCommand(args)
  // A command that has read enough closes its end of the pipe.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return finished
}
