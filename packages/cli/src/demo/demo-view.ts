import { AgentError } from 'countersign/agent'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Terminal } from '../terminal/terminal.js'
import { createJsonDocument } from '../trace/json-document.js'
import { createTextRenderer } from '../trace/text-renderer.js'
import type { TraceEvent } from '../trace/trace-event.js'
import { type DemoParty, demoPath, demoPerson } from './demo-world.js'
import type { DemoResult } from './run-demo.js'

/** The flags that say what is shown. */
export interface ViewFlags {
  json?: true
  quiet?: true
}

/** What the demo shows while it runs, and when it is over. */
export interface DemoView {
  onEvent: (event: TraceEvent) => void
  onResult: (result: DemoResult) => void
  /** What is shown of a flow that ended early, beside the sentence that says so. */
  onFailure: (error: unknown) => void
  /** Who answers where, once they do. */
  onReady: (started: Readonly<Partial<Record<DemoParty, string>>>) => void
  /** Whether the person who must open the consent URL has seen it. */
  showsUrl: boolean
}

/** Chooses what is shown. Whoever only serves has no result: the document is then who answers where. */
export function chooseView({ json, quiet }: ViewFlags, serves: boolean, terminal: Terminal): DemoView {
  const { write, notify, colour } = terminal
  const silent = () => undefined
  const onReady: DemoView['onReady'] = (started) => {
    if (json) write(`${JSON.stringify(started)}\n`)
    else for (const [party, id] of Object.entries(started)) write(`${party.padEnd(11)} ${id}\n`)
    if (started.resource !== undefined)
      notify(`Ask for ${started.resource}${demoPath} (a person must allow it), /data-jwks or /data.`)
    if ('auth-server' in started) notify(`People sign in as ${demoPerson.username} with ${demoPerson.password}.`)
    notify('Ctrl-C ends it.')
  }
  if (quiet || (json && serves)) {
    return {
      onEvent: silent,
      onResult: (result) => write(`${summarize(result)}\n`),
      onFailure: silent,
      onReady,
      showsUrl: false,
    }
  }
  if (!json) {
    const onEvent = createTextRenderer({ write, colour })
    return {
      onEvent,
      onResult: (result) => write(`Result: ${summarize(result)}\n`),
      onFailure: silent,
      onReady,
      showsUrl: true,
    }
  }
  const document = createJsonDocument()
  return {
    onEvent: document.onEvent,
    onResult: (result) => write(document.serialize(result)),
    onFailure: (error) => write(document.serialize(describeFailure(error))),
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
