import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { CommandError } from '../command/errors.js'
import type { Terminal } from './terminal.js'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** This process's own standard input, output and error; signals ask it to end, as does that the npm which started it has ended. */
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
  colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
  env: process.env,
  onStop(callback) {
    const onSignal = (name: (typeof signals)[number]) => callback({ by: name, exitCode: 128 + constants.signals[name] })
    // A second signal ends the process at once.
    for (const name of signals) process.once(name, onSignal)
    const stopLooking = onNpmEnded(() => callback({ by: 'npm ended', exitCode: 128 + constants.signals.SIGTERM }))
    return () => {
      for (const name of signals) process.removeListener(name, onSignal)
      stopLooking()
    }
  },
}

function readHidden(prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // Only now the terminal shows nothing of what is typed.
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

/** Milliseconds between two looks. */
const interval = 500

/** As npm and its like call themselves, or as they are started. */
const npmCommand = /^(?:npm|npx|pnpm|yarn|bun)(?: |$)|\/(?:npm|npx|pnpm|yarn)(?:-cli)?\.[cm]?js(?: |$)/

/**
 * Calls back once when the `npx` or `npm run` that started this process has ended, and gives what stops looking. Npm passes
 * a signal to the shell that it started, and that shell ends without passing it on: the process would run on, and hold its
 * ports, without anybody to stop it. Where npm started nothing, nothing is looked at: a server that was left behind on
 * purpose, as by `nohup` or a service manager, goes on.
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

/** The shells and npm processes above this one, the nearest first and npm last; empty where npm did not start it. */
function npmLineage(): number[] {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return []
  const above: number[] = []
  let npm = 0
  for (let pid = process.ppid; pid > 0; pid = parentOf(pid)) {
    const command = commandOf(pid)
    // Only Linux tells: elsewhere the parent alone is looked at.
    if (command === undefined) return above.length > 0 || pid === 1 ? [] : [pid]
    const isNpm = npmCommand.test(command)
    if (!isNpm && !/^\S*sh -c /.test(command)) break
    above.push(pid)
    if (isNpm) npm = above.length
  }
  return above.slice(0, npm)
}

/** As it was when this process began: npm may be ended while a server still starts. */
const lineage = npmLineage()

/** The command line of a process, with blanks between its words; undefined where that cannot be known. */
function commandOf(pid: number): string | undefined {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ')
}

/** 0 where it cannot be known, as of a process that has ended. */
function parentOf(pid: number): number {
  if (pid === process.pid) return process.ppid
  // The name before it may hold anything, also brackets.
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
