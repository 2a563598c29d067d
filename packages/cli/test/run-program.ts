import { PassThrough, Writable } from 'node:stream'
import { runProgram } from '../src/program.js'
import type { Finished } from './run-command.js'

type Stop = Parameters<Parameters<Parameters<typeof runProgram>[1]['onStop']>[0]>[0]

export interface ProgramOptions {
  /** The content of its standard input. */
  input?: string | Uint8Array
  /** What is typed at its keyboard without echo. If absent, there is no terminal. */
  hidden?: readonly string[]
  /** Called with each page that a user at the terminal is asked to open. If absent, there is no user. */
  person?: (url: string) => void
  /** Whether standard output is a terminal. */
  screen?: boolean
  /** What the user types, if standard input is a terminal. */
  keyboard?: PassThrough & { isTTY?: boolean }
  /** Called with what it writes to standard output. */
  onOutput?: (text: string) => void
  /** Variables in addition to those of this process. */
  env?: NodeJS.ProcessEnv
}

/** A command line that runs in this process. */
export interface RunningProgram {
  finished: Promise<Finished>
  /** Asks it to stop, as a signal does. */
  readonly stop: (by?: Stop['by']) => Promise<Finished>
  /** Its output so far. */
  readonly said: () => { stdout: string; stderr: string }
  /** Resolves to the first match in its output so far, on either stream. */
  readonly seen: (pattern: RegExp) => Promise<RegExpExecArray>
}

const exitCodes: Readonly<Record<Stop['by'], number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143, 'npm ended': 143 }

/** Starts a command line in this process, without a display. */
export function startProgram(
  args: readonly string[],
  { input = '', hidden, person, screen = false, keyboard = new PassThrough(), onOutput, env = {} }: ProgramOptions = {},
): RunningProgram {
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, ...inherited } = process.env
  const typed = [...(hidden ?? [])]
  const stdout: Buffer[] = []
  let stderr = ''
  const looks = new Set<() => void>()
  const stops = new Set<(stop: Stop) => void>()
  const said = () => ({ stdout: Buffer.concat(stdout).toString('utf8'), stderr })
  const write = (text: string | Uint8Array) => {
    stdout.push(Buffer.from(text))
    onOutput?.(Buffer.from(text).toString('utf8'))
    for (const look of looks) look()
  }
  const tell = (text: string) => {
    stderr += text
    for (const look of looks) look()
  }
  const tellPerson = (text: string) => {
    tell(text)
    const [url] = /https?:\S+/.exec(text) ?? []
    if (url !== undefined) person?.(url)
  }
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk)
      done()
    },
  })
  const finished = runProgram(['node', 'countersign', ...args], {
    write,
    notify: (text) => tell(`${text}\n`),
    readInput: async (limit) => Buffer.from(input).subarray(0, limit + 1),
    ...(hidden ? { readHidden: async () => typed.shift() ?? '' } : {}),
    asking: { output: { write: tellPerson, isTTY: person !== undefined }, input: keyboard },
    output: Object.assign(output, { isTTY: screen }),
    colour: false,
    env: { ...inherited, ...env },
    onStop(callback, { onHangUp } = {}) {
      const onSignal = (stop: Stop) => (onHangUp && stop.by === 'SIGHUP' ? onHangUp() : callback(stop))
      stops.add(onSignal)
      return () => stops.delete(onSignal)
    },
  }).then((status) => ({ status, ...said() }))
  return {
    finished,
    stop(by = 'SIGTERM') {
      for (const callback of stops) callback({ by, exitCode: exitCodes[by] })
      return finished
    },
    said,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const { stdout: out, stderr: err } = said()
          const match = pattern.exec(out + err)
          if (match) resolve(match)
        }
        looks.add(look)
        void finished.then(({ stderr: err }) => reject(new Error(`ended without ${pattern}: ${err}`)))
        look()
      }),
  }
}

/** Runs a command line in this process, with the given standard input. */
export function pipeProgram(input: string | Uint8Array, ...args: string[]): Promise<Finished> {
  return startProgram(args, { input }).finished
}

/** Runs a command line in this process. */
export function runInProcess(...args: string[]): Promise<Finished> {
  return startProgram(args).finished
}
