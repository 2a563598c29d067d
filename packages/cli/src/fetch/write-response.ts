import { createWriteStream } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { CommandError, errorCode, exitStatus, usageError } from '../command/errors.js'
import { outputError } from '../terminal/interruption.js'
import type { Terminal } from '../terminal/terminal.js'
import { printable, titleCase } from '../terminal/text.js'

export interface OutputFlags {
  /** Print the status and headers before the body. */
  include?: true
  /** The file to which the body is written. */
  output?: string
}

/** Streams a response to standard output or to a file. */
export async function writeResponse(response: Response, flags: OutputFlags, terminal: Terminal): Promise<void> {
  const head = flags.include ? headOf(response) : ''
  const isToFile = flags.output !== undefined && flags.output !== '-'
  const toScreen = !isToFile && flags.output !== '-' && isTerminal(terminal.output)
  if (toScreen) return writeToScreen(response, head, terminal)
  const target = isToFile ? createWriteStream(flags.output ?? '') : terminal.output
  try {
    await pipeline(chunksOf(response, head), target, { end: isToFile })
  } catch (error) {
    // Errors that occur while the response is read have already been converted.
    if (error instanceof CommandError) throw error
    throw isToFile ? fileError(flags.output ?? '', error) : outputError(error)
  }
}

/**
 * Terminals interpret control characters, so control characters from a server are escaped, and binary responses are not printed. The output
 * ends with a newline.
 */
async function writeToScreen(response: Response, head: string, { write }: Terminal): Promise<void> {
  write(head.replaceAll('\r\n', '\n'))
  const decoder = new TextDecoder()
  let isLineOpen = false
  const show = (text: string) => {
    write(printable(text.replaceAll('\r\n', '\n')))
    if (text !== '') isLineOpen = !text.endsWith('\n')
  }
  for await (const chunk of chunksOf(response, '')) {
    const text = decoder.decode(chunk, { stream: true })
    if (text.includes('\0'))
      throw usageError(
        'The response is binary: write it to a file with --output <file>, or print it anyway with --output -',
      )
    show(text)
  }
  show(decoder.decode())
  // The shell's prompt must start on a new line.
  if (isLineOpen) write('\n')
}

async function* chunksOf({ body }: Response, head: string): AsyncGenerator<Uint8Array> {
  if (head !== '') yield Buffer.from(head)
  if (!body) return
  const reader = body.getReader()
  try {
    for (let next = await read(reader); !next.done; next = await read(reader)) yield next.value
  } finally {
    // The writer may have given up. This is not awaited, because it never resolves if a clone of the response is left unread.
    void reader.cancel().catch(() => undefined)
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read()
  } catch (error) {
    throw interruptedResponse(error)
  }
}

function headOf({ status, headers }: Response): string {
  const lines = [...headers].map(([name, value]) => `${titleCase(name)}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`
}

function isTerminal(output: NodeJS.WritableStream): boolean {
  return 'isTTY' in output && output.isTTY === true
}

function fileError(path: string, cause: unknown): CommandError {
  return usageError(`--output: ${path} cannot be written (${errorCode(cause)}).`, cause)
}

function interruptedResponse(cause: unknown): unknown {
  // The command itself was interrupted.
  if (cause instanceof CommandError) return cause
  if (!(cause instanceof Error)) return cause
  return new CommandError(`The response was interrupted: ${cause.message}.`, { exitCode: exitStatus.network, cause })
}
