import { runProgram } from '../dist/program.js'
import type { Finished } from './run-command.js'

/** Runs a command line in this process, with something on its standard input. */
export async function pipeProgram(input: string | Uint8Array, ...args: string[]): Promise<Finished> {
  const stdout: Buffer[] = []
  let stderr = ''
  const status = await runProgram(['node', 'countersign', ...args], {
    write: (text) => void stdout.push(Buffer.from(text)),
    notify: (text) => {
      stderr += `${text}\n`
    },
    readInput: async (limit) => Buffer.from(input).subarray(0, limit + 1),
    colour: false,
  })
  return { status, stdout: Buffer.concat(stdout).toString('utf8'), stderr }
}

/** Runs a command line in this process. */
export function runInProcess(...args: string[]): Promise<Finished> {
  return pipeProgram('', ...args)
}
