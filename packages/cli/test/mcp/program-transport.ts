import { PassThrough } from 'node:stream'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type RunningProgram, startProgram } from '../run-program.js'

export interface ProgramTransport extends Pick<Transport, 'start' | 'send' | 'close' | 'onclose' | 'onmessage'> {
  stderr: () => string
}

/** The standard input and output of a command that runs in this process, for a client. */
export function programTransport(args: readonly string[], env: NodeJS.ProcessEnv): ProgramTransport {
  const keyboard = new PassThrough()
  let running: RunningProgram | undefined
  let rest = ''
  const transport: ProgramTransport = {
    async start() {
      running = startProgram(args, { keyboard, env, onOutput: receive })
      void running.finished.then(() => transport.onclose?.())
    },
    async send(message) {
      keyboard.write(`${JSON.stringify(message)}\n`)
    },
    async close() {
      keyboard.end()
      await running?.finished
    },
    stderr: () => running?.said().stderr ?? '',
  }
  function receive(text: string): void {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) transport.onmessage?.(JSON.parse(line) as Parameters<Transport['send']>[0])
  }
  return transport
}
