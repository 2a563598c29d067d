import { randomBytes } from 'node:crypto'
import { callbackPage } from 'countersign/delegate'
import { openCallbackPort, showLoopbackPage } from 'countersign/node'
import { CommandError, exitStatus } from '../command/errors.js'
import { type Connected, readConnected } from '../own-agent/device.js'
import { wrapText } from '../terminal/text.js'
import type { Connecting } from './connect-pages.js'

/** Connects the device through a browser on it: the page's response comes to a loopback port as a form. */
export async function connectInBrowser(connecting: Connecting): Promise<Connected> {
  const { issuer, name, thumbprint, pages, requests, terminal, signal } = connecting
  const state = randomBytes(24).toString('base64url')
  let settle: (connected: Promise<Connected>) => void = () => undefined
  let fail: (reason: unknown) => void = () => undefined
  const connected = new Promise<Connected>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  let isAnswered = false

  async function redeem(response: LoginResponse): Promise<Connected> {
    if ('code' in response) return readConnected(await requests('/delegates', { credential: response.code }))
    const why =
      response.error === 'access_denied' ? 'You chose not to connect this device' : `${issuer} reported an error`
    throw new CommandError(`${why}.`, { exitCode: exitStatus.denied })
  }

  async function answer(request: Request): Promise<Response> {
    const page = { id: issuer, about: { name }, language: request.headers.get('accept-language') }
    const response = await readResponse(request, { state, issuer })
    if (!response || isAnswered)
      return callbackPage('refused', { ...page, detail: 'This response does not belong to the login that is waiting.' })
    isAnswered = true
    const redeemed = redeem(response)
    settle(redeemed)
    return redeemed.then(
      () => callbackPage('allowed', page),
      () => callbackPage('code' in response ? 'failed' : 'denied', page),
    )
  }

  const port = await openCallbackPort({ answer, secret: state, method: 'POST' })
  const onAbort = () => fail(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const url = new URL(pages.device_authorization_uri)
    const asked = { jkt: thumbprint, name, redirect_uri: port.redirectUri, state }
    for (const [parameter, value] of Object.entries(asked)) url.searchParams.set(parameter, value)
    terminal.notify(wrapText('', `Sign in at ${new URL(issuer).host} to connect this device as “${name}”.`))
    showLoopbackPage(url.href, port, { output: terminal.asking.output, env: terminal.env })
    if (pages.device_code_uri !== undefined && terminal.env.SSH_CONNECTION)
      terminal.notify(wrapText('', 'If you cannot forward the port, stop this command and add --remote to it.'))
    terminal.notify('Waiting for you. Press Ctrl-C to stop.')
    if (signal.aborted) onAbort()
    return await connected
  } finally {
    signal.removeEventListener('abort', onAbort)
    port.close()
  }
}

type LoginResponse = { code: string } | { error: string }

/** Reads the response that the browser delivers; undefined if it is not the response to this login. */
async function readResponse(
  request: Request,
  expected: { state: string; issuer: string },
): Promise<LoginResponse | undefined> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get('content-type') ?? '')) return undefined
  const form = new URLSearchParams(await request.text())
  const only = (name: string) => (form.getAll(name).length === 1 ? (form.get(name) ?? undefined) : undefined)
  if (only('state') !== expected.state || only('iss') !== expected.issuer) return undefined
  const [code, error] = [only('code'), only('error')]
  if (code !== undefined && !form.has('error')) return { code }
  return error !== undefined && !form.has('code') ? { error } : undefined
}
