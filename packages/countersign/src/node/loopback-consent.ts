import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { ConsentWay } from '../agent/consent-way.js'
import type { ConsentRequest } from '../editions/agent-protocol.js'
import { requireKnownOptions } from '../lib/options.js'
import { listedRedirectUri, openCallbackPort } from './callback-port.js'
import { consentLines, createConsentDisplay, type TerminalOutput } from './consent-display.js'
import { readPasted } from './read-pasted.js'

export interface LoopbackConsentOptions {
  /** Shows the user where to decide, instead of the terminal: for a program with its own windows. */
  onConsent?: ((consent: ConsentRequest) => void | Promise<void>) | undefined
  /** Opens the page in the browser of this machine. @default true where there is one: not over SSH, nor without a desktop */
  openBrowser?: boolean | undefined
  /**
   * Also takes the whole address that the browser ended at, pasted into the terminal: for a browser on another machine.
   * @default false
   */
  paste?: boolean | undefined
  /** Counts the time down on the last line. @default true; false if others write to the same terminal */
  countdown?: boolean | undefined
  /** Where the user is prompted, instead of standard error. If it is no terminal, the user is not prompted. */
  output?: TerminalOutput | undefined
  /** Where an address is pasted, instead of standard input. */
  input?: (Readable & { isTTY?: boolean | undefined }) | undefined
  /** @default process.env */
  env?: NodeJS.ProcessEnv | undefined
  /**
   * Known only to the processes of the agent, which prove by it that a callback port is theirs: the same as that of their
   * `openCallbackPort`. @default the state of each consent, which processes that share a store know
   */
  secret?: string | undefined
}

/**
 * Prompts the user at the terminal: a free port of 127.0.0.1 takes the callback, and is open only while they decide (RFC 8252
 * §7.3). The agent's document lists `http://127.0.0.1/callback`, which stands for every port (W24). Standard error shows the
 * address and the code that the page shows; a line counts down; the browser is opened if there is one, and over SSH the
 * command is shown that forwards the port. Nothing of it keeps a program alive.
 *
 * If another program of the agent has prompted for the same consent, its page is shown, and its port bound when that program ends.
 *
 * If standard error is no terminal, the user is not prompted: `fetch` rejects with `consent_required`.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const agent = createAgent({ id: 'https://me.example', signer, authServers, consent: loopbackConsent() })
 * const response = await agent.fetch('https://api.example/events')
 * ```
 */
export function loopbackConsent(options: LoopbackConsentOptions = {}): ConsentWay {
  requireKnownOptions('loopbackConsent', options, optionNames)
  const { onConsent, paste = false, countdown = true } = options
  const { output = process.stderr, input = process.stdin, env = process.env } = options
  const isOpened = options.openBrowser ?? hasBrowser(env)
  const display = createConsentDisplay(output, countdown && !paste)
  const isThere = output.isTTY === true && (!paste || input.isTTY === true)
  const canAsk = onConsent !== undefined || isThere
  let pasting: Promise<unknown> = Promise.resolve()

  return {
    canAsk,
    redirectUri: listedRedirectUri,
    async open(answer, { state, redirectUri: pending }) {
      // The callback is not received here: the user gives its address elsewhere.
      if (!canAsk) return { redirectUri: pending ?? listedRedirectUri, ask: () => undefined, close: () => undefined }
      const ports = pending === undefined ? [] : [Number(new URL(pending).port)]
      const listener = await openCallbackPort({ answer, secret: options.secret ?? state, ports })
      const ended = new AbortController()
      const tooLate = setTimeout(() => listener.close(), longestConsent).unref()
      let asked: ConsentRequest | undefined

      async function takePasted(consent: ConsentRequest): Promise<void> {
        if (consent.signal.aborted || ended.signal.aborted) return
        display.say(['Then paste the whole address that the browser ends at, and press Enter:'])
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
          const { port, isElsewhere } = listener
          const page = isElsewhere ? 'elsewhere' : isOpened ? 'opens' : 'is here'
          const isPasted = paste && !isElsewhere
          display.begin(consent, consentLines(consent, { port, env, page, isPasted }))
          if (page === 'opens') openBrowser(listener.leadTo(consent.url))
          if (!isPasted) return undefined
          // One after the other: there is one keyboard.
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

/** Milliseconds after which the port is closed, also for a consent that was given up. */
const longestConsent = 3 * 3_600_000

const optionNames = {
  onConsent: true,
  openBrowser: true,
  paste: true,
  countdown: true,
  output: true,
  input: true,
  env: true,
  secret: true,
} as const satisfies Record<keyof LoopbackConsentOptions, true>

/** How the system opens a page, by platform: the address is one argument, and no shell reads it. */
const openers: Partial<Record<NodeJS.Platform, readonly [command: string, ...rest: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Whether a browser on this machine can be seen by who sits at the terminal. */
function hasBrowser(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (isRemote(env)) return false
  if (platform in openers) return true
  return Boolean(env.DISPLAY) || Boolean(env.WAYLAND_DISPLAY)
}

/** Whether the terminal is on another machine than the program. */
function isRemote(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.SSH_CONNECTION) || Boolean(env.SSH_TTY)
}

/** Opens a page in the browser of the system; where that fails the person has the address. */
function openBrowser(url: string): void {
  const { protocol, href } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') return
  const [command, ...rest] = openers[process.platform] ?? ['xdg-open']
  const opener = spawn(command, [...rest, href], { stdio: 'ignore', detached: true })
  opener.on('error', () => undefined)
  opener.unref()
}
