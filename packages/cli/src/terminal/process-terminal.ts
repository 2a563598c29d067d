import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { CommandError } from '../command/errors.js'
import type { Terminal } from './terminal.js'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * This process's standard input, output and error. The process is asked to stop by signals, and when the npm process that started it has
 * exited.
 */
export const processTerminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  notify: (text) => void process.stderr.write(`${text}\n`),
  async readInput(limit) {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) break
    }
    return Buffer.concat(chunks).subarray(0, limit + 1)
  },
  readHidden: isatty(0) ? readHidden : undefined,
  asking: { output: process.stderr, input: process.stdin },
  output: process.stdout,
  colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb',
  env: process.env,
  onStop(callback, { onHangUp } = {}) {
    const onSignal = (name: (typeof signals)[number]) => callback({ by: name, exitCode: 128 + constants.signals[name] })
    const stopSignals = onHangUp ? signals.filter((name) => name !== 'SIGHUP') : signals
    // A second signal terminates the process at once.
    for (const name of stopSignals) process.once(name, onSignal)
    if (onHangUp) process.on('SIGHUP', onHangUp)
    const stopLooking = onNpmEnded(() => callback({ by: 'npm ended', exitCode: 128 + constants.signals.SIGTERM }))
    return () => {
      for (const name of stopSignals) process.removeListener(name, onSignal)
      if (onHangUp) process.removeListener('SIGHUP', onHangUp)
      stopLooking()
    }
  },
}

function readHidden(prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // The prompt is shown only now, after the terminal has stopped echoing input.
  process.stderr.write(prompt)
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('SIGINT', () => lines.close())
    lines.once('close', () => reject(new CommandError('Nothing was changed.', { exitCode: 130 })))
  }).finally(() => {
    lines.close()
    process.stderr.write('\n')
  })
}

/** Interval between two checks, in milliseconds. */
const interval = 500

/** Command lines of npm and similar tools. */
const npmCommand = /^(?:npm|npx|pnpm|yarn|bun)(?: |$)|\/(?:npm|npx|pnpm|yarn)(?:-cli)?\.[cm]?js(?: |$)/

/**
 * Calls back once when the `npx` or `npm run` that started this process has exited. Returns a function that stops checking. npm passes
 * signals to the shell that it started, but the shell exits without passing them on. This process would then keep running and hold its
 * ports, with no one to stop it. If npm did not start the process, nothing is checked: a server that was deliberately left running, with
 * `nohup` or by a service manager, keeps running.
 */
function onNpmEnded(callback: () => void): () => void {
  if (lineage.length === 0) return () => undefined
  const timer = setInterval(() => {
    if (lineage.every((pid, index) => parentOf(lineage[index - 1] ?? process.pid) === pid)) return
    clearInterval(timer)
    callback()
  }, interval)
  timer.unref()
  return () => clearInterval(timer)
}

/** The shells and npm processes above this process, nearest first, ending with npm; empty if npm did not start it. */
function npmLineage(): number[] {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return []
  const above: number[] = []
  let npm = 0
  for (let pid = process.ppid; pid > 0; pid = parentOf(pid)) {
    const command = commandOf(pid)
    // Command lines are readable only on Linux. On other systems, only the parent process is checked.
    if (command === undefined) return above.length > 0 || pid === 1 ? [] : [pid]
    const isNpm = npmCommand.test(command)
    if (!isNpm && !/^\S*sh -c /.test(command)) break
    above.push(pid)
    if (isNpm) npm = above.length
  }
  return above.slice(0, npm)
}

/** Captured at process start, because npm may exit while a server is still starting. */
const lineage = npmLineage()

/** Command line of a process, with its words separated by spaces; undefined if it cannot be read. */
function commandOf(pid: number): string | undefined {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ')
}

/** Parent of a process; 0 if the parent is unknown, for example because the process has exited. */
function parentOf(pid: number): number {
  if (pid === process.pid) return process.ppid
  // The process name that precedes it may contain any character, including parentheses.
  const afterName = readProc(pid, 'stat')?.split(')').at(-1) ?? ''
  return Number(afterName.trim().split(' ')[1] ?? 0)
}

function readProc(pid: number, file: 'cmdline' | 'stat'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}
