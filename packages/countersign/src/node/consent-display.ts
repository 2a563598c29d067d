import { userInfo } from 'node:os'
import type { ConsentRequest } from '../editions/agent-protocol.js'

/** Destination for text that the user should see. */
export interface TerminalOutput {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** Shows open consents in a terminal, with a countdown line below them. */
export interface ConsentDisplay {
  /** Shows a consent, until its signal aborts or {@link ConsentDisplay.end} is called. */
  begin(consent: ConsentRequest, lines: readonly string[]): void
  /** Writes lines above the countdown. */
  say(lines: readonly string[]): void
  end(consent: ConsentRequest): void
}

export interface ConsentDisplayOptions {
  /** False if the user is typing on the same line. */
  countsDown: boolean
  /** Whether the terminal supports no control sequences, and therefore no countdown. */
  isDumb: boolean
}

export function createConsentDisplay(
  output: TerminalOutput,
  { countsDown, isDumb }: ConsentDisplayOptions,
): ConsentDisplay {
  const erased = isDumb ? '' : '\r\u001b[K'
  const open = new Set<ConsentRequest>()
  const late = new WeakSet<ConsentRequest>()
  let timer: ReturnType<typeof setInterval> | undefined

  function draw(): void {
    const ends = [...open].map(({ expiresAt }) => expiresAt)
    if (ends.length > 0 && countsDown && !isDumb) output.write(`${erased}${countdown(Math.min(...ends))}`)
    if (countsDown && !isDumb) return
    for (const consent of open) {
      if (late.has(consent) || consent.expiresAt > Date.now() / 1000) continue
      late.add(consent)
      say([timeIsUp])
    }
  }

  function end(consent: ConsentRequest): void {
    if (!open.delete(consent) || open.size > 0) return
    clearInterval(timer)
    timer = undefined
    if (!isDumb) output.write(erased)
  }

  function say(lines: readonly string[]): void {
    output.write(`${erased}${lines.map((line) => `${line}\n`).join('')}`)
    draw()
  }

  return {
    begin(consent, lines) {
      if (consent.signal.aborted) return
      open.add(consent)
      consent.signal.addEventListener('abort', () => end(consent), { once: true })
      timer ??= setInterval(draw, 1000).unref()
      say(lines)
    },
    say,
    end,
  }
}

const timeIsUp = 'Time is up, unless you extended it on the page. For a new link, start again.'

function countdown(expiresAt: number): string {
  const left = Math.ceil(expiresAt - Date.now() / 1000)
  if (left <= 0) return timeIsUp
  const minutes = Math.floor(left / 60)
  return `Waiting for you: ${minutes}:${String(left % 60).padStart(2, '0')} left.`
}

/** How the user reaches the page. */
export interface PromptContext {
  /** The port that receives the callback. */
  port: number
  env: NodeJS.ProcessEnv
  /** `elsewhere`: another process has already prompted. */
  page: 'opens' | 'is here' | 'elsewhere'
  isPasted: boolean
  /** How to decide in a browser that cannot reach this machine. */
  hint?: string | undefined
}

/** The line above a page's URL. */
export const pageLines = {
  opens: 'Your browser opens this page:',
  'is here': 'Open this page in your browser:',
  elsewhere: 'Another process of this agent has already prompted you. Decide on its page:',
} as const satisfies Record<PromptContext['page'], string>

/** The prompt for the user, line by line. */
export function consentLines(
  { url, code, authServer, resource, permissions, purpose }: ConsentRequest,
  { port, env, page, isPasted, hint }: PromptContext,
): string[] {
  const { host } = new URL(authServer)
  const shown = isPasted || page !== 'is here' ? undefined : hint
  const request =
    purpose === undefined ? `${new URL(resource).host} needs your consent` : `This agent needs your consent ${purpose}`
  return [
    `${request}, which you give at ${host}${permissions.length > 0 ? ':' : '.'}`,
    ...permissions.map(
      ({ scope, description }) => `  - ${description === undefined ? scope : `${description} (${scope})`}`,
    ),
    ...(shown?.split('\n') ?? []),
    ...(isPasted || page === 'opens' ? [] : tunnelLines(env, port, shown !== undefined)),
    pageLines[page],
    '',
    `  ${url}`,
    '',
    `The page shows the code ${code}. If it shows a different code, close it.`,
  ].map(printable)
}

/**
 * Lines with the command that forwards a callback port from the machine with the browser to this one; empty unless this is an SSH session.
 *
 * @param isAlternative whether the lines above describe another way
 */
export function tunnelLines(env: NodeJS.ProcessEnv, port: number, isAlternative = false): string[] {
  const [, , address, sshPort] = (env.SSH_CONNECTION ?? '').split(' ')
  if (address === undefined) return []
  const usual = sshPort === '22' ? '' : `-p ${sshPort} `
  return [
    isAlternative
      ? 'Or forward a port over SSH: first run this on the computer with your browser,'
      : 'You are connected over SSH. First run this on the computer with your browser,',
    'and leave it running:',
    '',
    `  ssh -N ${usual}-L ${port}:127.0.0.1:${port} ${userInfo().username}@${address}`,
    '',
  ]
}

/** Replaces control characters: text from other parties could contain terminal escape sequences. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
