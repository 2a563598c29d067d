import type { LoopbackConsentOptions } from 'countersign/node'
import { emphasis, printable } from './text.js'

/** Why a command was asked to stop. */
export interface Stop {
  by: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'npm ended'
  /** Exit status of a command that was stopped. */
  exitCode: number
}

export interface OnStopOptions {
  /** Called on each SIGHUP, for a command that reloads its configuration. @default SIGHUP stops the command */
  onHangUp?: (() => void) | undefined
}

/** A command's input and output, its environment, and requests to stop the command. */
export interface Terminal {
  /** Writes the command's result to standard output. Control characters in text are escaped; bytes are written unchanged. */
  readonly write: (text: string | Uint8Array) => void
  /** Writes a message that is only for the user, to standard error. */
  readonly notify: (text: string) => void
  /** Reads standard input up to the limit, plus one byte if there is more. */
  readonly readInput: (limit: number) => Promise<Uint8Array>
  /** Prompts for a line without echo; undefined if there is no user at the terminal. */
  readonly readHidden?: ((prompt: string) => Promise<string>) | undefined
  /** Streams through which a user is prompted for consent: standard error and input. */
  readonly asking: {
    readonly output: NonNullable<LoopbackConsentOptions['output']>
    readonly input: NonNullable<LoopbackConsentOptions['input']>
  }
  /** Standard output itself, for logs that are written while a command is running. */
  readonly output: NodeJS.WritableStream
  /** Whether standard output supports color. */
  readonly colour: boolean
  readonly env: NodeJS.ProcessEnv
  /** Calls back when the command is asked to stop. Returns a function that stops listening. */
  readonly onStop: (callback: (stop: Stop) => void, options?: OnStopOptions) => () => void
}

/**
 * Runs a command with its flags, keyed by option name. Resolves to the exit status; rejects with a message for the user. `subject` is empty
 * if the command has none.
 */
export type Run<Flags = Readonly<Record<string, unknown>>> = (
  flags: Flags,
  terminal: Terminal,
  subject: string,
) => Promise<number>

/** Wraps a terminal to escape control sequences in text, except for our own emphasis. Bytes are written unchanged. */
export function safeTerminal(terminal: Terminal): Terminal {
  return {
    ...terminal,
    write: (text) => terminal.write(typeof text === 'string' ? safe(text, terminal.colour) : text),
    notify: (text) => terminal.notify(printable(text)),
  }
}

function safe(text: string, colour: boolean): string {
  if (!colour) return printable(text)
  const { on, off } = emphasis
  const between = (part: string) => part.split(off).map(printable).join(off)
  return text.split(on).map(between).join(on)
}
