import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { ConsentPrompt } from '../agent/consent-prompt.js'
import type { ConsentRequest } from '../editions/agent-protocol.js'
import { requireKnownOptions } from '../lib/options.js'
import { type CallbackPort, listedRedirectUri, openCallbackPort } from './callback-port.js'
import { consentLines, createConsentDisplay, pageLines, type TerminalOutput, tunnelLines } from './consent-display.js'
import { readPasted } from './read-pasted.js'

export interface LoopbackConsentOptions {
  /** Shows the user where to decide, instead of using the terminal. For programs with their own user interface. */
  onConsent?: ((consent: ConsentRequest) => void | Promise<void>) | undefined
  /** Opens the page in this machine's browser. @default true if there is one; false over SSH or without a desktop */
  openBrowser?: boolean | undefined
  /**
   * For a browser on another machine: also accepts the redirect URL if the user copies it from the browser's address bar and pastes it into
   * the terminal.
   * @default false
   */
  paste?: boolean | undefined
  /**
   * Lines above the page's URL if this machine has no browser: what to do if the user's browser is on a machine that cannot reach this one.
   * @default no such lines
   */
  hint?: string | undefined
  /** Shows a countdown on the last line. @default true; set it to false if other code writes to the same terminal */
  countdown?: boolean | undefined
  /** The terminal on which the user is prompted. If the stream is not a terminal, the user is not prompted. @default standard error */
  output?: TerminalOutput | undefined
  /** The input from which a pasted URL is read. @default standard input */
  input?: (Readable & { isTTY?: boolean | undefined }) | undefined
  /** @default process.env */
  env?: NodeJS.ProcessEnv | undefined
  /**
   * A secret shared by the agent's processes, with which they prove that a callback port belongs to the agent. Must be the value that they
   * pass to `openCallbackPort`. @default the state of each consent, which is known to processes that share a store
   */
  secret?: string | undefined
}

/**
 * Prompts the user at the terminal. A free port of 127.0.0.1 receives the callback; it is open only while the user decides (RFC 8252 §7.3).
 * The agent’s document lists `http://127.0.0.1/callback`, which matches any port (W24). Standard error shows the URL, the code that the
 * page shows, and a countdown. A browser is opened if one is available; over SSH, the command that forwards the port is shown. None of this
 * keeps the process alive.
 *
 * If another process of the agent has already prompted for the same consent, its page is shown, and its port is bound when that process
 * exits.
 *
 * If standard error is not a terminal, the user is not prompted: `fetch` rejects with `consent_required`.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const agent = createAgent({ id: 'https://me.example', signer, authServers, consent: loopbackConsent() })
 * const response = await agent.fetch('https://api.example/events')
 * ```
 */
export function loopbackConsent(options: LoopbackConsentOptions = {}): ConsentPrompt {
  requireKnownOptions('loopbackConsent', options, optionNames)
  const { onConsent, paste = false, hint, countdown = true } = options
  const { output = process.stderr, input = process.stdin, env = process.env } = options
  const isOpened = options.openBrowser ?? hasBrowser(env)
  const display = createConsentDisplay(output, { countsDown: countdown && !paste, isDumb: env.TERM === 'dumb' })
  const isThere = output.isTTY === true && (!paste || input.isTTY === true)
  const canPrompt = onConsent !== undefined || isThere
  let pasting: Promise<unknown> = Promise.resolve()

  return {
    canPrompt,
    redirectUri: listedRedirectUri,
    async open(answer, { state, redirectUri: pending }) {
      // No one can be prompted, so no port is opened. The consent can be completed later, with the callback's URL.
      if (!canPrompt) return { redirectUri: pending ?? listedRedirectUri, ask: () => undefined, close: () => undefined }
      const ports = pending === undefined ? [] : [Number(new URL(pending).port)]
      const listener = await openCallbackPort({ answer, secret: options.secret ?? state, ports })
      const ended = new AbortController()
      const tooLate = setTimeout(() => listener.close(), longestConsent).unref()
      let asked: ConsentRequest | undefined

      async function takePasted(consent: ConsentRequest): Promise<void> {
        if (consent.signal.aborted || ended.signal.aborted) return
        display.say([
          'After your decision, your browser ends at a page that it cannot load. This is',
          'expected: paste the whole address of that page here, and press Enter.',
        ])
        const signal = AbortSignal.any([consent.signal, ended.signal])
        const address = await readPasted(input, { consent, redirectUri: listener.redirectUri }, { display, signal })
        if (address !== undefined) await answer(new Request(address))
      }

      return {
        get redirectUri() {
          return listener.redirectUri
        },
        async ask(consent) {
          if (onConsent) return onConsent(consent)
          asked = consent
          const { port, isOtherProcess } = listener
          const page = isOtherProcess ? 'elsewhere' : isOpened ? 'opens' : 'is here'
          const isPasted = paste && !isOtherProcess
          display.begin(consent, consentLines(consent, { port, env, page, isPasted, hint }))
          if (page === 'opens') openBrowser(listener.createOneTimeLink(consent.url))
          if (!isPasted) return undefined
          // Done sequentially, because there is only one keyboard.
          const pasted = pasting.then(() => takePasted(consent))
          pasting = pasted.catch(() => undefined)
          return pasted
        },
        close() {
          clearTimeout(tooLate)
          ended.abort()
          listener.close()
          if (asked) display.end(asked)
        },
      }
    },
  }
}

/** Milliseconds after which the port is closed, even for a consent whose request was aborted. */
const longestConsent = 3 * 3_600_000

const optionNames = {
  onConsent: true,
  openBrowser: true,
  paste: true,
  hint: true,
  countdown: true,
  output: true,
  input: true,
  env: true,
  secret: true,
} as const satisfies Record<keyof LoopbackConsentOptions, true>

/**
 * Shows the user the URL of a page that leads back to a callback port, and opens the page if this machine has a browser. Over SSH, also
 * shows the command that forwards the port.
 */
export function showLoopbackPage(
  url: string,
  { port, createOneTimeLink }: Pick<CallbackPort, 'port' | 'createOneTimeLink'>,
  { output, env }: { output: TerminalOutput; env: NodeJS.ProcessEnv },
): void {
  const isOpened = hasBrowser(env)
  const lines = isOpened ? [pageLines.opens] : [...tunnelLines(env, port), pageLines['is here']]
  output.write([...lines, '', `  ${url}`, '', ''].join('\n'))
  if (isOpened) openBrowser(createOneTimeLink(url))
}

/** The command that opens a page, by platform. The URL is passed as a single argument that no shell interprets. */
const openers: Partial<Record<NodeJS.Platform, readonly [command: string, ...rest: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Whether the user of the terminal would see a browser on this machine. */
function hasBrowser(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (isRemote(env)) return false
  if (platform in openers) return true
  return Boolean(env.DISPLAY) || Boolean(env.WAYLAND_DISPLAY)
}

/** Whether the terminal and the program are on different machines. */
function isRemote(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.SSH_CONNECTION) || Boolean(env.SSH_TTY)
}

/** Opens a callback port's one-time link in the system's browser. If that fails, the user still has the URL. */
function openBrowser(link: string): void {
  const [command, ...rest] = openers[process.platform] ?? ['xdg-open']
  const opener = spawn(command, [...rest, link], { stdio: 'ignore', detached: true })
  opener.on('error', () => undefined)
  opener.unref()
}
