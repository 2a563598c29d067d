import { readFile, stat } from 'node:fs/promises'
import { errorCode, exitStatus, usageError } from '../command/errors.js'
import type { CommandEdition } from '../editions/command-edition.js'
import { type EditionName, editionWith, loadEdition } from '../editions/load-edition.js'
import type { SeenExchange } from '../message-trace/exchange-log.js'
import { createTextRenderer } from '../message-trace/text-renderer.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { buildRun } from './build-run.js'
import { maxTrace, parseTrace } from './parse-trace.js'
import { redactExchanges } from './redact.js'
import { renderPage } from './render-page.js'

interface TraceFlags {
  edition?: EditionName
  html?: true
  secrets?: true
}

/** `countersign trace <file>`: shows a recorded run, as text or as a page. */
export const traceCommand: Run<TraceFlags> = async (flags, terminal, subject) => {
  if (flags.html) requireRedirected(terminal, `countersign trace ${subject} --html > run.html`)
  const recorded = parseTrace(await readTrace(subject, terminal))
  const edition = flags.edition ? await loadEdition(flags.edition) : await editionOf(recorded)
  const exchanges = flags.secrets ? recorded : redactExchanges(recorded, edition)
  if (flags.html) {
    const notice = flags.secrets
      ? 'This page contains the tokens, codes and data of the recorded run. Do not share it while they are valid.'
      : 'Codes, the signatures of tokens, claims about the user and the API’s data were removed, so that the page can be shared. The signatures of requests can therefore not be verified.'
    const model = { title: 'A recorded run', lead: 'What the parties sent to each other, in order.', notice }
    terminal.write(renderPage(await buildRun({ ...model, exchanges, edition, now: timeOf(exchanges) })))
  } else {
    const render = createTextRenderer({ form: edition.trace, write: terminal.write, colour: terminal.colour })
    for (const [index, { from, to, request, response }] of exchanges.entries()) {
      const exchange = { exchange: index + 1, from, to, request }
      render({ kind: 'request-sent', ...exchange })
      if (response) render({ kind: 'response-received', ...exchange, response, elsewhere: true })
    }
  }
  return exitStatus.done
}

/**
 * Requires that the page is written to a file: as text in a terminal, it helps no one.
 *
 * @throws CommandError with the command line to use
 */
export function requireRedirected({ output }: Pick<Terminal, 'output'>, example: string): void {
  if ('isTTY' in output && output.isTTY === true)
    throw usageError(`Write the page to a file, and open that: ${example}`)
}

async function readTrace(path: string, { readInput }: Terminal): Promise<string> {
  if (path === '-') return requireShort(Buffer.from(await readInput(maxTrace)))
  try {
    if ((await stat(path)).size > maxTrace) throw tooLong()
    return requireShort(await readFile(path))
  } catch (error) {
    if (error instanceof Error && 'code' in error)
      throw usageError(`${path} cannot be read (${errorCode(error)}).`, error)
    throw error
  }
}

function requireShort(bytes: Uint8Array): string {
  if (bytes.length > maxTrace) throw tooLong()
  return Buffer.from(bytes).toString('utf8')
}

function tooLong() {
  return usageError(`The trace is larger than ${maxTrace / 1_048_576} MiB.`)
}

/** The edition in which the requests are signed. */
async function editionOf(exchanges: readonly SeenExchange[]): Promise<CommandEdition> {
  for (const { request } of exchanges) {
    const value = request.headers.find(([name]) => name === 'signature-key')?.[1]
    const found = value === undefined ? undefined : await editionWith('Signature-Key', value)
    if (found) return found.edition
  }
  return loadEdition()
}

/** When the run took place: relative times refer to it. */
function timeOf(exchanges: readonly SeenExchange[]): number {
  const dates = exchanges.map(({ response }) => response?.headers.find(([name]) => name === 'date')?.[1] ?? '')
  const known = dates.map((date) => Date.parse(date)).filter((time) => !Number.isNaN(time))
  return (known[0] ?? Date.now()) / 1000
}
