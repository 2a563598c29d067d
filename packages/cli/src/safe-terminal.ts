import type { Terminal } from './terminal.js'
import { printable } from './trace/printable.js'

/** What makes the titles of frames stand out, and nothing else. */
const emphasis = /(\u001b\[[01]m)/

/** The terminal, to which no text comes that it would act on; bytes are written as they are. */
export function safeTerminal(terminal: Terminal): Terminal {
  return {
    ...terminal,
    write: (text) => terminal.write(typeof text === 'string' ? safe(text, terminal.colour) : text),
    notify: (text) => terminal.notify(printable(text)),
  }
}

function safe(text: string, colour: boolean): string {
  if (!colour) return printable(text)
  return text
    .split(emphasis)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join('')
}
