import type { ConsentPrompt } from 'countersign/agent'
import { loopbackConsent } from 'countersign/node'
import { type AgentFlags, chooseAgent } from '../agent-folder/choose-agent.js'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { editionOf } from '../editions/agent-editions.js'
import type { CommandEdition } from '../editions/command-edition.js'
import { loadEdition } from '../editions/load-edition.js'
import { buildRequest, type GivenRequest, type RequestFlags } from '../flags/build-request.js'
import { type NetworkFlags, readNetworkFlags, requireIdentifierFlag } from '../flags/network-flags.js'
import { createTrace } from '../message-trace/create-trace.js'
import { createTextRenderer } from '../message-trace/text-renderer.js'
import type { Party } from '../message-trace/trace-event.js'
import { agentFailure, openOwnAgent } from '../own-agent/open-own-agent.js'
import { portSecret } from '../own-agent/shared-callback-port.js'
import { catchInterruption } from '../terminal/interruption.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { type OutputFlags, writeResponse } from './write-response.js'

interface FetchFlags extends RequestFlags, OutputFlags, NetworkFlags, AgentFlags {
  authServer?: readonly string[]
  /** False if `--no-consent` is given. */
  consent: boolean
  paste?: true
  consentTimeout?: string
  maxTime?: string
  location?: true
  fail?: true
  silent?: true
  showError?: true
  verbose?: true
  interop?: true
}

const pasteHint = [
  'If your browser is on another computer, press Ctrl-C, and add --paste to this',
  'command: you then paste the address of the last page, which does not load there.',
].join('\n')

/** How long a user has to decide, in seconds. */
const defaultPatience = 1800

/**
 * `countersign fetch <url>`: sends a request as the command line's own agent, and prompts the user in the terminal when consent is needed.
 */
export const fetchCommand: Run<FetchFlags> = async (flags, terminal, subject) => {
  try {
    return await fetchOnce(flags, terminal, subject)
  } catch (error) {
    if (!flags.silent || flags.showError || !(error instanceof CommandError)) throw error
    return error.exitCode
  }
}

async function fetchOnce(flags: FetchFlags, terminal: Parameters<Run>[1], subject: string): Promise<number> {
  const request = await buildRequest(subject, flags, terminal.readInput)
  const folder = await chooseAgent(flags, terminal.env)
  const authServers = (flags.authServer ?? []).map((id) => requireIdentifierFlag('--auth-server', id, 'allowed'))
  if (flags.paste && editionOf(folder).isPolled)
    throw usageError('--paste is not needed: this agent learns your decision without your browser’s final URL.')
  if (flags.paste && !terminal.asking.input.isTTY)
    throw usageError('--paste requires standard input to be a terminal, so that you can paste the URL there.')
  const network = readNetworkFlags(flags)
  const { url } = request
  const interruption = catchInterruption(terminal)
  const deadline = createDeadline(secondsOf('--max-time', flags.maxTime))
  const signal = AbortSignal.any([interruption.signal, deadline.signal])
  const parties = { url, authServers: [...folder.authServers, ...authServers] }
  const way = loopbackConsent({
    ...terminal.asking,
    env: terminal.env,
    paste: flags.paste,
    hint: editionOf(folder).isPolled || !terminal.asking.input.isTTY ? undefined : pasteHint,
    countdown: !flags.verbose,
    secret: portSecret(folder.keys),
  })
  const own = await openOwnAgent({
    folder,
    authServers,
    targets: [url],
    network,
    interop: flags.interop,
    consent: flags.consent ? deadline.pausedBy(way) : undefined,
    consentTimeout: secondsOf('--consent-timeout', flags.consentTimeout) ?? defaultPatience,
    fetch: flags.verbose && showMessages(terminal, parties, await loadEdition(folder.edition)),
  })
  try {
    const send = ({ url, method, headers, body }: GivenRequest) =>
      own.agent.fetch(url, { method, headers, body: body ?? null, signal })
    const response = await (flags.location ? followRedirects(request, send) : send(request))
    if (flags.fail && response.status >= 400) {
      const why = `${new URL(url).host} responded with ${response.status}.`
      throw new CommandError(why, { exitCode: exitStatus.failed })
    }
    await writeResponse(response, flags, terminal)
    return exitStatus.done
  } catch (error) {
    throw signal.aborted ? signal.reason : agentFailure(error, url, folder)
  } finally {
    deadline.stop()
    await own.close()
    interruption.release()
  }
}

function secondsOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d{1,6}(?:\.\d{1,3})?$/.test(text) && seconds > 0) return seconds
  throw usageError(`${flag} must be a number of seconds above 0 and below 1000000, such as 30 or 2.5.`)
}

type Send = (request: GivenRequest) => Promise<Response>

/** Maximum number of redirects to follow. */
const mostRedirects = 20

/**
 * Sends a request and follows redirects within the same origin, because a request signed for one origin must not be sent to another.
 *
 * @throws CommandError for a redirect to another origin, or for too many redirects
 */
export async function followRedirects(request: GivenRequest, send: Send): Promise<Response> {
  let next = request
  for (let times = 0; times <= mostRedirects; times++) {
    const response = await send(next)
    const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null
    if (location === null || !URL.canParse(location, next.url)) return response
    await response.body?.cancel()
    const to = new URL(location, next.url)
    if (to.origin !== new URL(next.url).origin) {
      const asked = `${new URL(next.url).host} redirects to another origin; such redirects are not followed`
      throw new CommandError(`${asked}. If you trust that origin, request it directly: ${to.href}`)
    }
    next = redirected(next, response.status, to.href)
  }
  throw new CommandError(
    `${new URL(request.url).host} redirected ${mostRedirects + 1} times: this looks like a redirect loop.`,
  )
}

/** Returns the redirected request. As in browsers, a POST becomes a GET unless the status preserves the method. */
function redirected(request: GivenRequest, status: number, url: string): GivenRequest {
  const isKept = status === 307 || status === 308 || (status !== 303 && request.method !== 'POST')
  if (isKept || ['GET', 'HEAD'].includes(request.method)) return { ...request, url }
  const headers = new Headers(request.headers)
  headers.delete('content-type')
  return { url, method: 'GET', headers, body: undefined }
}

/** A request's time limit, which does not include the time that the user takes to decide. */
export interface Deadline {
  signal: AbortSignal
  /** Wraps a way of prompting for consent so that the time limit is paused during the prompt. */
  pausedBy(way: ConsentPrompt): ConsentPrompt
  stop(): void
}

/** @param seconds undefined for no limit */
export function createDeadline(seconds: number | undefined): Deadline {
  const abort = new AbortController()
  let left = (seconds ?? 0) * 1000
  let since = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  function run(): void {
    if (seconds === undefined) return
    since = performance.now()
    timer = setTimeout(() => {
      const why = `The response was not complete within ${seconds} s.`
      abort.abort(new CommandError(why, { exitCode: exitStatus.network }))
    }, left)
  }

  function halt(): void {
    clearTimeout(timer)
    left -= performance.now() - since
  }

  function beginAsking(): void {
    if (++asked === 1) halt()
  }

  function endAsking(): void {
    if (--asked === 0) run()
  }

  run()
  return {
    signal: abort.signal,
    stop: () => clearTimeout(timer),
    pausedBy: (way) => ({
      canPrompt: way.canPrompt,
      redirectUri: way.redirectUri,
      async open(respond, callback) {
        const opened = await way.open(respond, callback)
        let isAsked = false
        return {
          get redirectUri() {
            return opened.redirectUri
          },
          ask(consent) {
            if (!isAsked) beginAsking()
            isAsked = true
            return opened.ask(consent)
          },
          close() {
            opened.close()
            if (isAsked) endAsking()
          },
        }
      },
    }),
  }
}

/**
 * Wraps the platform's fetch to print each message to standard error, with its tokens decoded, but without the body of the requested
 * resource.
 */
export function showMessages(
  { notify }: Terminal,
  { url, authServers }: { url: string; authServers: readonly string[] },
  { trace: form }: CommandEdition,
): typeof globalThis.fetch {
  const parties = new Map<string, Party>(authServers.map((id) => [new URL(id).origin, 'auth-server']))
  if (!parties.has(new URL(url).origin)) parties.set(new URL(url).origin, 'resource')
  const onEvent = createTextRenderer({ form, write: (text) => notify(text.trimEnd()) })
  const trace = createTrace({
    parties,
    onEvent,
    showsBody: ({ ok }, to) => !ok || to === 'auth-server',
  })
  return trace.sender('agent', (request, sent) => fetch(request, sent))
}
