import type { LoopbackConsentOptions } from 'countersign/node'
import { emphasis, printable } from './text.js'

/** What asked a command to end. */
export interface Stop {
  by: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'npm ended'
  /** The exit status of a command that did not end by itself. */
  exitCode: number
}

/** Where a command reads and writes, and what it is told from outside. */
export interface Terminal {
  /** What the command is for: standard output. Of text, what a terminal would act on is escaped; bytes are written as they are. */
  readonly write: (text: string | Uint8Array) => void
  /** What is for the person at the keyboard only: standard error. */
  readonly notify: (text: string) => void
  /** Standard input: at most so many bytes, and one more where there is more. */
  readonly readInput: (limit: number) => Promise<Uint8Array>
  /** Asks for a line that is not shown while it is typed; absent where nobody is at the keyboard. */
  readonly readHidden?: ((prompt: string) => Promise<string>) | undefined
  /** Where a person is asked who must decide: standard error and input. */
  readonly asking: {
    readonly output: NonNullable<LoopbackConsentOptions['output']>
    readonly input: NonNullable<LoopbackConsentOptions['input']>
  }
  /** Standard output itself, for a log that is written as long as a command runs. */
  readonly output: NodeJS.WritableStream
  /** Whether standard output takes colour. */
  readonly colour: boolean
  readonly env: NodeJS.ProcessEnv
  /** Calls back when the command is asked to end; gives what stops that. */
  readonly onStop: (callback: (stop: Stop) => void) => () => void
}

/**
 * What a command does with its flags, by their option names. Resolves to the exit status; rejects with a sentence for the
 * user who typed it. `subject` is empty if there is none.
 */
export type Run<Flags = Readonly<Record<string, unknown>>> = (
  flags: Flags,
  terminal: Terminal,
  subject: string,
) => Promise<number>

/** The terminal, to which no text comes that it would act on, but for emphasis; bytes are written as they are. */
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
