import { userInfo } from 'node:os'
import type { ConsentRequest } from '../editions/agent-protocol.js'

/** Where text for a person goes. */
export interface TerminalOutput {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** Shows the consents that are open in a terminal, with one line below that counts down. */
export interface ConsentDisplay {
  /** Shows one, until its signal aborts or {@link ConsentDisplay.end} is called. */
  begin(consent: ConsentRequest, lines: readonly string[]): void
  /** Writes lines above the one that counts down. */
  say(lines: readonly string[]): void
  end(consent: ConsentRequest): void
}

/** @param countsDown false where somebody types into the same line */
export function createConsentDisplay(output: TerminalOutput, countsDown: boolean): ConsentDisplay {
  const open = new Set<ConsentRequest>()
  let timer: ReturnType<typeof setInterval> | undefined

  function draw(): void {
    const ends = [...open].map(({ expiresAt }) => expiresAt)
    if (ends.length > 0 && countsDown) output.write(`\r\u001b[K${countdown(Math.min(...ends))}`)
  }

  function end(consent: ConsentRequest): void {
    if (!open.delete(consent) || open.size > 0) return
    clearInterval(timer)
    timer = undefined
    output.write('\r\u001b[K')
  }

  function say(lines: readonly string[]): void {
    output.write(`\r\u001b[K${lines.map((line) => `${line}\n`).join('')}`)
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

function countdown(expiresAt: number): string {
  const left = Math.ceil(expiresAt - Date.now() / 1000)
  if (left <= 0) return 'Waiting for you. The time is over, unless you asked the page for more.'
  const minutes = Math.floor(left / 60)
  return `Waiting for you: ${minutes}:${String(left % 60).padStart(2, '0')} left.`
}

/** How a person is led to the page. */
export interface WayToPage {
  /** Which takes the answer. */
  port: number
  env: NodeJS.ProcessEnv
  /** `elsewhere`: another program has asked already. */
  page: 'opens' | 'is here' | 'elsewhere'
  isPasted: boolean
}

const pageLines = {
  opens: 'Your browser opens this page:',
  'is here': 'Open this page in your browser:',
  elsewhere: 'Another program of this agent asks you already: decide on its page, which is',
} as const satisfies Record<WayToPage['page'], string>

/** What a person is told who must decide, line by line. */
export function consentLines(
  { url, code, authServer, resource, permissions }: ConsentRequest,
  { port, env, page, isPasted }: WayToPage,
): string[] {
  const { host } = new URL(authServer)
  return [
    `${new URL(resource).host} needs your consent, which you give at ${host}${permissions.length > 0 ? ':' : '.'}`,
    ...permissions.map(
      ({ scope, description }) => `  - ${description === undefined ? scope : `${description} (${scope})`}`,
    ),
    ...(isPasted || page === 'opens' ? [] : tunnelLines(env, port)),
    pageLines[page],
    '',
    `  ${url}`,
    '',
    `It shows the code ${code}. If it shows another one, close it.`,
  ].map(printable)
}

/** How the answer gets from the browser of another machine to this one. */
function tunnelLines(env: NodeJS.ProcessEnv, port: number): string[] {
  const [, , address, sshPort] = (env.SSH_CONNECTION ?? '').split(' ')
  if (address === undefined) return []
  const usual = sshPort === '22' ? '' : `-p ${sshPort} `
  return [
    'You are here over SSH. First run this on the computer with your browser, and leave it open:',
    '',
    `  ssh -N ${usual}-L ${port}:127.0.0.1:${port} ${userInfo().username}@${address}`,
    '',
  ]
}

/** What others sent may hold what a terminal acts on. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
