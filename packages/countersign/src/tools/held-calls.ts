import * as platform from '#crypto'
import type { ConsentRequest } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { requireKnownOptions } from '../lib/options.js'
import { readStream } from '../lib/read-stream.js'
import { isUnder } from '../protocol/documents.js'
import { failed, type ToolCall, type ToolResult, unfinished } from './tool-result.js'

/** A decision for which calls are held. */
export interface ToolConsent extends ConsentRequest {
  /** The web agent's session; absent for an agent of one user. */
  session?: string | undefined
}

export interface HeldCallsOptions {
  /**
   * Shows the user the link, in a place that the model cannot read: your window, a notification, the terminal. If this throws or rejects,
   * the calls that need the decision fail.
   */
  showLink: (consent: ToolConsent) => MaybePromise<void>
  /** Maximum number of calls per session that are in progress, held or not collected. @default 20 */
  maxCalls?: number | undefined
  /** Maximum total size of these calls and their responses per session, in bytes. @default 1 MiB (1,048,576) */
  maxBytes?: number | undefined
  /** How long a call may take, including the user's decision, and then how long its result is kept, in seconds. @default 3 hours (10,800) */
  maxTime?: number | undefined
}

/** The calls of a model's tools that wait for their users, in the memory of this process. */
export interface HeldCalls {
  /** For the agent's option of the same name. Holds the calls that need the decision, and shows the user the link. */
  readonly onConsent: (consent: ToolConsent) => Promise<void>
  /**
   * Returns the function with which the tools of one session make calls.
   *
   * @param fetch `agent.fetch`, or `agent.for(session).fetch` of a web agent
   * @param session the web agent's session; absent for an agent of one user
   */
  through(fetch: typeof globalThis.fetch, session?: string): ToolCall
  /**
   * Waits until none of a session's calls is held. Resolves to true if there were any: their results can now be collected, so let the model
   * call its tools again. Each call is reported only once. Resolves to false at once if there is nothing to report.
   */
  settled(session?: string): Promise<boolean>
  /** Aborts and drops all calls of a session, for sign-out. */
  forget(session?: string): void
}

interface Call {
  url: string
  bytes: number
  abort: AbortController
  /** Cancels the call's timer, which would keep the call and its response in memory. */
  cancelTimer: () => void
  /** The resource for whose consent the call is held. */
  heldFor?: string
  hold: () => void
  /** Resolves when the call is held. */
  holding: Promise<void>
  /** Resolves when the result is known. */
  done: Promise<void>
  result?: () => ToolResult
  isReported: boolean
}

const knownOptions = {
  showLink: true,
  maxCalls: true,
  maxBytes: true,
  maxTime: true,
} as const satisfies Record<keyof HeldCallsOptions, true>

/** How long a new call may take before it counts as held by a decision that was already pending, in seconds. */
const joinTime = 1

/** The longest delay of a timer, in seconds. */
const longestTime = 2_147_483

/**
 * Holds the calls of a model's tools until their users have decided. The agent's `fetch` itself waits and then sends the call, once: the
 * same method, URL, headers and body. If the model makes the same call again in the meantime, it joins the call that is held.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const calls = createHeldCalls({ showLink: ({ url, code }) => notifyUser(`Decide here (code ${code})`, url) })
 * const agent = createAgent({ ...options, onConsent: calls.onConsent })
 * const call = calls.through(agent.fetch)
 * const result = await call('https://api.example/events') // in a tool
 * return result.state === 'answered' ? await result.response.text() : result.message
 * ```
 */
export function createHeldCalls(options: HeldCallsOptions): HeldCalls {
  const { showLink, maxCalls, maxBytes, maxTime } = requireOptions(options)
  const sessions = new Map<string, Map<string, Call>>()
  const reads = createReads()
  const callsOf = (session: string) => [...(sessions.get(session)?.values() ?? [])]
  const bytesOf = (session: string) => callsOf(session).reduce((sum, { bytes }) => sum + bytes, 0)

  function drop(session: string, key: string, call: Call): void {
    call.cancelTimer()
    const calls = sessions.get(session)
    if (calls?.get(key) === call) calls.delete(key)
    if (calls?.size === 0) sessions.delete(session)
  }

  /** Holds a call that has joined the wait for a decision: the agent prompts only once for each decision. */
  function holdWithOthers(session: string, call: Call): void {
    const { heldFor } =
      callsOf(session).find(
        (other) => !other.result && other.heldFor !== undefined && isUnder(call.url, other.heldFor),
      ) ?? {}
    if (heldFor !== undefined) hold(call, heldFor)
  }

  /** Sends a call and keeps its result until it is collected, or for `maxTime`. */
  function start(session: string, key: string, request: Request, bytes: number, fetch: typeof globalThis.fetch): Call {
    const abort = new AbortController()
    const held = withResolver()
    const call: Call = {
      url: request.url,
      bytes,
      abort,
      cancelTimer: after(maxTime, () => abort.abort(timeout(call, maxTime))),
      hold: held.resolve,
      holding: held.promise,
      done: Promise.resolve(),
      isReported: false,
    }
    const work = async () => {
      const response = await fetch(request, { signal: abort.signal })
      const room = () => Math.max(maxBytes - bytesOf(session), 0)
      const body = response.body && (await readStream(response.body, room()))
      if (body && body.length > room()) throw new TypeError(`the responses are larger than ${maxBytes} bytes`)
      call.bytes += body?.length ?? 0
      const { status, statusText, headers } = response
      call.result = () => ({
        state: 'answered',
        response: new Response(body as ConstructorParameters<typeof Response>[0], { status, statusText, headers }),
      })
    }
    call.done = work()
      .catch((error: unknown) => {
        call.result = () => failed(error)
      })
      .finally(() => {
        call.cancelTimer()
        if (sessions.get(session)?.get(key) === call) call.cancelTimer = after(maxTime, () => drop(session, key, call))
      })
    after(joinTime, () => call.result ?? holdWithOthers(session, call))
    return call
  }

  async function send(
    session: string,
    fetch: typeof globalThis.fetch,
    url: string | URL,
    init: RequestInit | undefined,
  ): Promise<ToolResult> {
    init?.signal?.throwIfAborted()
    const given = new Request(url, init)
    const { body, key } = await reads.run(session, () => readCall(given, init?.body))
    const { method, headers } = given
    const calls = sessions.get(session) ?? new Map<string, Call>()
    let call = calls.get(key)
    // The signal of a tool ends with the tool. A call that is held outlives it.
    const started = new AbortController()
    if (!call) {
      const bytes = [method, given.url, ...headers].join().length + (body?.length ?? 0)
      if (calls.size >= maxCalls || bytesOf(session) + bytes > maxBytes) return unfinished('full')
      call = start(session, key, new Request(given.url, { method, headers, body }), bytes, fetch)
      sessions.set(session, calls.set(key, call))
      const { abort } = call
      init?.signal?.addEventListener('abort', () => abort.abort(init.signal?.reason), { signal: started.signal })
    }
    await Promise.race([call.done, call.holding])
    started.abort()
    if (!call.result) return unfinished('waiting')
    drop(session, key, call)
    return call.result()
  }

  return {
    async onConsent(consent) {
      const shown = showLink(consent)
      for (const call of callsOf(consent.session ?? ''))
        if (isUnder(call.url, consent.resource)) hold(call, consent.resource)
      await shown
    },
    through:
      (fetch, session = '') =>
      (url, init) =>
        send(session, fetch, url, init).catch(failed),
    async settled(session = '') {
      const held = callsOf(session).filter((call) => call.heldFor !== undefined && !call.isReported)
      for (const call of held) {
        await call.done
        call.isReported = true
      }
      return held.length > 0
    },
    forget(session = '') {
      reads.forget(session)
      for (const [key, call] of sessions.get(session) ?? []) {
        drop(session, key, call)
        call.abort.abort(forgotten())
      }
    },
  }
}

function requireOptions(options: HeldCallsOptions) {
  requireKnownOptions('createHeldCalls', options, knownOptions)
  const { showLink, maxCalls = 20, maxBytes = 2 ** 20, maxTime = 10_800 } = options
  if (typeof showLink !== 'function') throw new TypeError('showLink must be a function that shows the user the url')
  for (const [name, value] of Object.entries({ maxCalls, maxBytes, maxTime }))
    if (!(value > 0)) throw new TypeError(`${name} must be a number, more than 0`)
  if (maxTime > longestTime) throw new TypeError(`maxTime must be at most ${longestTime} seconds`)
  return { showLink, maxCalls, maxBytes, maxTime }
}

/** Calls whose bodies are being read, which sign-out drops too. */
function createReads() {
  const reads = new Set<{ session: string; isForgotten: boolean }>()
  return {
    async run<T>(session: string, work: () => Promise<T>): Promise<T> {
      const read = { session, isForgotten: false }
      reads.add(read)
      const result = await work().finally(() => reads.delete(read))
      if (read.isForgotten) throw forgotten()
      return result
    },
    forget(session: string): void {
      for (const read of reads) if (read.session === session) read.isForgotten = true
    },
  }
}

/** Reads a call. The boundary between the parts of a form is random each time, so the form's entries identify the call. */
async function readCall(request: Request, given: unknown): Promise<{ body: Uint8Array | null; key: string }> {
  // Before anything is awaited, because the caller may change the form for its next call.
  const form = given instanceof FormData ? [...given] : undefined
  const body = request.body && new Uint8Array(await request.arrayBuffer())
  const hashOf = async (bytes: Uint8Array) => platform.serializeBase64url(await platform.sha256(bytes))
  const { method, url, headers } = request
  if (!form) return { body, key: JSON.stringify([method, url, ...headers, body && (await hashOf(body))]) }
  const fields = [...headers].filter(([name]) => name !== 'content-type')
  const entries = form.map(async ([name, value]) =>
    typeof value === 'string'
      ? [name, value]
      : [name, value.name, value.type, await hashOf(new Uint8Array(await value.arrayBuffer()))],
  )
  return { body, key: JSON.stringify([method, url, ...fields, await Promise.all(entries)]) }
}

function forgotten(): AgentError {
  return new AgentError('session_forgotten', 'The calls of this session were dropped.')
}

function hold(call: Call, resource: string): void {
  call.heldFor = resource
  call.hold()
}

function timeout({ heldFor }: Call, seconds: number): Error {
  const message = `The call took longer than ${seconds} s.`
  return heldFor === undefined ? new DOMException(message, 'TimeoutError') : new AgentError('consent_expired', message)
}

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Runs `work` after some seconds, without keeping the process running. Returns a function that cancels it. */
function after(seconds: number, work: () => void): () => void {
  const timer = setTimeout(work, seconds * 1000)
  if (typeof timer === 'object') timer.unref()
  return () => clearTimeout(timer)
}
