import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { AgentError } from 'countersign/agent'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { type Connected, readConnected } from '../own-agent/device.js'
import type { Terminal } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import type { Connecting } from './connect-pages.js'

/** How many wrong codes the user may type. */
const maxTries = 3

/**
 * Connects a device without a browser: the user signs in on another computer, and types the code that the page there shows into this
 * terminal. Never the other way round, since anyone can send a code to someone else.
 */
export async function connectRemotely(connecting: Connecting): Promise<Connected> {
  const { issuer, name, pages, terminal } = connecting
  const { device_code_uri: page } = pages
  if (page === undefined)
    throw new CommandError(
      `${issuer} does not allow login --remote: its operator has not turned on personalAgents.remote. Ask them to, or run countersign login without --remote: over SSH, it shows how to forward the browser’s response to this computer.`,
    )
  if (!terminal.asking.input.isTTY)
    throw usageError('login --remote requires standard input to be a terminal, so that you can type the code there.')
  terminal.notify(
    [
      wrapText('', `To connect this device as “${name}”, open this page on a computer with a browser, and sign in:`),
      '',
      `  ${page}`,
      '',
      wrapText(
        '',
        'Type the code from that page here, and nowhere else: anyone who has it can connect their own device to your account.',
      ),
    ].join('\n'),
  )
  return confirm(connecting, await submitCode(connecting))
}

/** The page and this terminal show the same number until the user has confirmed it. */
interface Unconfirmed {
  code: string
  response: Readonly<Record<string, unknown>>
}

/** Asks for the code until the auth server accepts it. */
async function submitCode({ name, requests, terminal, signal }: Connecting): Promise<Unconfirmed> {
  for (let tries = 1; ; tries += 1) {
    const code = await readCode(terminal, signal)
    try {
      return { code, response: await requests('/delegates', { credential: code, device: name }) }
    } catch (error) {
      if (!isDenied(error)) throw error
      const why = 'The code is wrong, or it was already used, or it has expired.'
      if (tries === maxTries) throw new CommandError(`${why} Open the page again to get another one.`)
      terminal.notify(why)
    }
  }
}

function isDenied(error: unknown): error is AgentError {
  return error instanceof AgentError && error.error === 'enrollment_denied'
}

/** Shows the number, and waits until the user has confirmed it on the page. */
async function confirm({ name, requests, terminal, signal }: Connecting, first: Unconfirmed): Promise<Connected> {
  let { code, response } = first
  const { number, account } = response
  if (typeof number === 'string' && /^\d{1,6}$/.test(number))
    terminal.notify(
      wrapText(
        '',
        `The code belongs to the account ${String(account)}. The number is ${number}: if the page shows the same number, confirm it there. If it shows another one, choose No.`,
      ),
    )
  for (;;) {
    if (response.number === undefined) return readConnected(response)
    if (response.number !== number) throw new AgentError('agent_token_refused', 'The auth server changed the number.')
    const { interval } = response
    await wait(typeof interval === 'number' && interval > 0 ? Math.min(interval, 30) : 2, signal)
    try {
      response = await requests('/delegates', { credential: code, device: name })
    } catch (error) {
      if (isBusy(error)) await wait(error.retryAfter ?? 2, signal)
      else if (isDenied(error))
        throw new CommandError('This device was not connected: you chose No on the page, or the time was up.', {
          exitCode: exitStatus.denied,
          cause: error,
        })
      else throw error
    }
  }
}

/** Whether too many requests came from this network, perhaps from other devices. */
function isBusy(error: unknown): error is AgentError {
  return error instanceof AgentError && error.error === 'too_many_requests'
}

async function wait(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal })
}

/** Reads a code of 8 symbols in Crockford's base32; hyphens, spaces and case do not matter. */
async function readCode({ asking, notify }: Terminal, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: asking.input, signal })
  try {
    asking.output.write('Code: ')
    for await (const line of lines) {
      const code = line.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
      if (/^[0-9A-HJKMNP-TV-Z]{8}$/.test(code)) return code
      notify('A code has 8 letters and digits, such as 7XQ2-94KD.')
      asking.output.write('Code: ')
    }
  } finally {
    lines.close()
  }
  // The message starts on a new line, not after the prompt.
  asking.output.write('\n')
  signal.throwIfAborted()
  throw new CommandError('No code was typed.')
}
