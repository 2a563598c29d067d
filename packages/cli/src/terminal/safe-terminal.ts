import type { Terminal } from './terminal.js'
import { emphasis, printable } from './text.js'

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
