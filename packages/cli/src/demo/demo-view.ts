import { AgentError } from 'countersign/agent'
import { CommandError, exitStatus } from '../command/errors.js'
import { type DemoEdition, demoPath } from '../editions/demo-edition.js'
import { createExchangeLog } from '../message-trace/exchange-log.js'
import { serializeTrace } from '../message-trace/json-document.js'
import { fitLine } from '../message-trace/render-frame.js'
import { createTextRenderer } from '../message-trace/text-renderer.js'
import type { TraceEvent } from '../message-trace/trace-event.js'
import type { Terminal } from '../terminal/terminal.js'
import { type DemoParty, type DemoUsers, signInHint } from './demo-world.js'
import type { DemoResult } from './run-demo.js'

/** The flags that choose the output. */
export interface ViewFlags {
  json?: true
  trace?: true
}

/** The demo's output, during the run and at its end. */
export interface DemoView {
  onEvent: (event: TraceEvent) => void
  onResult: (result: DemoResult) => void
  /** Called when a flow fails. Shows what the view has recorded, in addition to the error message. */
  onFailure: (error: unknown) => void
  /** Called with the identifiers of the started parties once they accept requests. */
  onReady: (started: Readonly<Partial<Record<DemoParty, string>>>) => void
  /** Whether the view shows the consent URL to the user who must open it. */
  showsUrl: boolean
}

/**
 * Creates the view that the flags select. With `serves` there is no result, so the JSON document lists the parties and their identifiers.
 */
export function chooseView(
  { json, trace }: ViewFlags,
  { edition, serves, users }: { edition: DemoEdition; serves: boolean; users: DemoUsers },
  terminal: Terminal,
): DemoView {
  const { write, notify, colour } = terminal
  const silent = () => undefined
  const onReady: DemoView['onReady'] = (started) => {
    if (json) write(`${JSON.stringify(started)}\n`)
    else for (const [party, id] of Object.entries(started)) write(`${party.padEnd(11)} ${id}\n`)
    if (started.resource !== undefined)
      notify(`Request ${started.resource}${demoPath} (requires a user’s consent), ${edition.otherPaths}.`)
    if ('auth-server' in started) notify(`Users ${signInHint(users)}.`)
    notify('Press Ctrl-C to stop.')
  }
  if (json ? serves : !trace) {
    return {
      onEvent: silent,
      onResult: (result) => write(`${summarize(result)}\n`),
      onFailure: silent,
      onReady,
      showsUrl: false,
    }
  }
  if (!json) {
    const form = edition.command.trace
    const onEvent = createTextRenderer({ form, write, colour })
    return {
      onEvent,
      onResult: (result) => write(`${fitLine(`Result: ${summarize(result)}`, form)}\n`),
      onFailure: silent,
      onReady,
      showsUrl: true,
    }
  }
  const log = createExchangeLog()
  return {
    onEvent: log.onEvent,
    onResult: (result) => write(serializeTrace(log.exchanges(), result)),
    onFailure: (error) => write(serializeTrace(log.exchanges(), describeFailure(error))),
    onReady,
    showsUrl: false,
  }
}

function describeFailure(error: unknown): { error: string; message: string } {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof AgentError ? cause.code : isUnanswered(error) ? 'no_answer' : 'failed'
  return { error: code, message: error instanceof Error ? error.message : String(error) }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof CommandError && error.exitCode === exitStatus.network
}

function summarize(result: DemoResult): string {
  return 'error' in result ? result.error : `${result.status} ${JSON.stringify(result.body)}`
}
