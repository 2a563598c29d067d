import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { CommandError } from '../command/command-error.js'
import { onNpmEnded } from './on-npm-ended.js'
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
