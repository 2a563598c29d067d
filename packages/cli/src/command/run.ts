import type { Terminal } from '../terminal/terminal.js'

/**
 * What a command does with its flags, by their option names. Resolves to the exit status; rejects with a sentence for the
 * person who typed it. `subject` is empty where there is none.
 */
export type Run = (options: Readonly<Record<string, unknown>>, terminal: Terminal, subject: string) => Promise<number>
