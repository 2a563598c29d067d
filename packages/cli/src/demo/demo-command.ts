import { AgentError, type ConsentRequest } from 'countersign/agent'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { readNetworkFlags, readPort, requireIdentifierFlag } from '../flags/network-flags.js'
import { catchInterruption } from '../terminal/interruption.js'
import { openBrowser } from '../terminal/open-browser.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { createJsonDocument } from '../trace/json-document.js'
import { createTextRenderer } from '../trace/text-renderer.js'
import type { TraceEvent } from '../trace/trace-event.js'
import { type DemoParty, demoPath, demoUser } from './demo-world.js'
import { interopHint, noticeRefusals } from './notice-refusals.js'
import { type DemoResult, runDemo, serveDemo } from './run-demo.js'
import type { PartyOptions } from './start-parties.js'

interface DemoFlags extends ViewFlags, PartyFlags {
  deny?: true
  browser?: true
  serve?: true
}

/**
 * `countersign demo`: runs the whole flow on this machine, message by message, or single parties of it to test against other
 * implementations.
 */
export const demoCommand: Run<DemoFlags> = async (flags, terminal) => {
  const parties = partyOptions(flags)
  const serves = flags.serve ?? (flags.only !== undefined && flags.only !== 'agent')
  if (serves && (flags.deny || flags.browser))
    throw usageError('--deny and --browser apply only when the agent runs the flow.')
  const view = chooseView(flags, serves, terminal)
  const interruption = catchInterruption(terminal)
  try {
    const running = { ...parties, onEvent: view.onEvent, signal: interruption.signal }
    if (serves) {
      const onEvent = noticeRefusals(view.onEvent, terminal.notify, flags.interop ?? false)
      await serveDemo({ ...running, onEvent, onReady: view.onReady })
      return exitStatus.done
    }
    const person = flags.browser ? invite(terminal, view) : flags.deny ? 'deny' : 'grant'
    const result = await runDemo({ ...running, person }).catch((error: unknown) => {
      if (!interruption.signal.aborted) view.onFailure(error)
      throw error
    })
    view.onResult(result)
    requireExpected(result, flags)
    return exitStatus.done
  } finally {
    interruption.release()
  }
}

function invite(terminal: Terminal, { showsUrl }: DemoView): (consent: ConsentRequest) => Promise<void> {
  return async ({ url, code, expiresAt }) => {
    if (!showsUrl) terminal.notify(`Please open ${url}\nIf the page shows a code, it should be ${code}.`)
    const until = new Date(expiresAt * 1000).toTimeString().slice(0, 5)
    terminal.notify(
      `Sign in as ${demoUser.username} with the password ${demoUser.password}. This waits until ${until}; press Ctrl-C to stop.`,
    )
    await openBrowser(url, terminal.env)
  }
}

function requireExpected(result: DemoResult, { deny, browser, only, interop }: DemoFlags): void {
  if ('error' in result) {
    if (!deny && !browser)
      throw new CommandError('The API refused the request after consent; see its last response above.')
  } else if (result.status !== 200) {
    const answered = `The resource’s final response was ${result.status}`
    const cause = exactCause(result.body)
    if (cause !== undefined) throw new CommandError(`${answered}: ${cause}`)
    throw new CommandError(`${answered}.${only !== undefined && !interop ? ` ${interopHint}` : ''}`)
  }
}

/** Error codes with which a peer rejects a request that it cannot parse, possibly because it expects another form of the protocol. */
const aboutForm: readonly unknown[] = ['invalid_input', 'invalid_request', 'invalid_signature']

/** Returns the resource's error description, unless the error may be caused by the form of the request. */
function exactCause(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body) || !('error_description' in body))
    return undefined
  const { error, error_description: description } = body
  return typeof description === 'string' && !aboutForm.includes(error) ? description : undefined
}

/** The flags that choose the party to start, and identify the others. */
export interface PartyFlags {
  only?: DemoParty
  port?: string
  id?: string
  authServerUrl?: string
  agentId?: string
  resourceUrl?: string
  interop?: true
  db?: string
  allowNetwork?: readonly string[]
}

/** Flags that apply only with `--only`, and the parties that take them. */
const takenBy: Readonly<Partial<Record<keyof PartyFlags, readonly DemoParty[]>>> = {
  port: ['agent', 'resource', 'auth-server'],
  id: ['agent', 'resource', 'auth-server'],
  // The auth server ignores it, but scripts pass every party the same flags.
  authServerUrl: ['agent', 'resource', 'auth-server'],
  agentId: ['resource', 'auth-server'],
  resourceUrl: ['agent'],
  allowNetwork: ['agent', 'resource', 'auth-server'],
}

/**
 * Parses the flags about the parties.
 *
 * @throws CommandError if flags contradict each other
 */
export function partyOptions(flags: PartyFlags): Omit<PartyOptions, 'onEvent'> {
  const { only, resourceUrl } = flags
  for (const [name, parties] of Object.entries(takenBy)) {
    if (flags[name as keyof PartyFlags] === undefined || (only && parties.includes(only))) continue
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw usageError(`--${flag} needs --only ${parties.join(' or --only ')}.`)
  }
  const ids = identifiersIn(flags)
  return {
    ids,
    interop: flags.interop ?? false,
    network: readNetworkFlags({ allowNetwork: flags.allowNetwork ?? [] }),
    only,
    port: portOption(flags, only && ids[only]),
    resourceUrl: resourceUrl === undefined ? undefined : requireUrl(resourceUrl),
    database: flags.db,
  }
}

/** Returns the identifiers of the parties that the flags give. */
function identifiersIn({ only, id, agentId, authServerUrl }: PartyFlags): Partial<Record<DemoParty, string>> {
  const ids: Partial<Record<DemoParty, string>> = {}
  const take = (party: DemoParty, flag: string, text: string | undefined) => {
    if (text !== undefined) ids[party] = requireIdentifierFlag(flag, text, 'allowed')
  }
  if (only !== 'auth-server') take('auth-server', '--auth-server-url', authServerUrl)
  take('agent', '--agent-id', agentId)
  if (only) take(only, '--id', id)
  return ids
}

// A loopback identifier contains the port on which its party listens.
function portOption({ port }: PartyFlags, id: string | undefined): number | undefined {
  if (port !== undefined) return readPort(port)
  return id !== undefined && isLoopbackIdentifier(id) ? Number(new URL(id).port) : undefined
}

function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username === '') {
    if (url.protocol === 'https:' || isLoopbackIdentifier(url.origin)) return url.href
    if (url.protocol === 'http:')
      throw usageError(
        '--resource-url: http is accepted only on this machine, with a port on 127.0.0.1, [::1] or localhost.',
      )
  }
  throw usageError(
    '--resource-url takes the absolute URL of the protected path, such as http://127.0.0.1:8002/data-auth.',
  )
}

/** The flags that choose the output. */
export interface ViewFlags {
  json?: true
  quiet?: true
}

/** The demo's output, during the run and at its end. */
export interface DemoView {
  onEvent: (event: TraceEvent) => void
  onResult: (result: DemoResult) => void
  /** Called when a flow fails; shows what the view has, in addition to the error message. */
  onFailure: (error: unknown) => void
  /** Called with the identifiers of the started parties, once they accept requests. */
  onReady: (started: Readonly<Partial<Record<DemoParty, string>>>) => void
  /** Whether the view shows the consent URL to the user who must open it. */
  showsUrl: boolean
}

/**
 * Creates the view that the flags choose. With `serves` there is no result, so the JSON document lists the parties and their identifiers.
 */
export function chooseView({ json, quiet }: ViewFlags, serves: boolean, terminal: Terminal): DemoView {
  const { write, notify, colour } = terminal
  const silent = () => undefined
  const onReady: DemoView['onReady'] = (started) => {
    if (json) write(`${JSON.stringify(started)}\n`)
    else for (const [party, id] of Object.entries(started)) write(`${party.padEnd(11)} ${id}\n`)
    if (started.resource !== undefined)
      notify(`Request ${started.resource}${demoPath} (requires a user’s consent), /data-jwks or /data.`)
    if ('auth-server' in started)
      notify(`Users sign in as ${demoUser.username} with the password ${demoUser.password}.`)
    notify('Press Ctrl-C to stop.')
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
