import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type AgentError, type AgentOptions, createAgent } from 'countersign/agent'
import { fileStore, type LoopbackConsentOptions, loopbackConsent, showLoopbackPage } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { agentSigner, ended, ids, openStage, type Stage, settled } from '../agent/stage.js'

/** A terminal that records what was written. */
class Screen {
  written = ''
  readonly isTTY: boolean
  constructor(isTTY = true) {
    this.isTTY = isTTY
  }
  write(text: string): void {
    this.written += text
  }
  /** The visible text: what follows a carriage return overwrites the line. */
  get lines(): string[] {
    return this.written.split('\n').map((line) => line.split('\r\u001b[K').at(-1) ?? '')
  }
}

interface Program {
  stage: Stage
  screen: Screen
  fetch: typeof globalThis.fetch
  /** The page on which the user decides, once it is shown. */
  page: () => Promise<URL>
}

const environment = { USER: 'alice' }

/** A program at a terminal, whose user has no browser there. */
function startProgram(
  options: LoopbackConsentOptions = {},
  screen = new Screen(),
  agentOptions: Pick<AgentOptions, 'store' | 'consentTimeout'> = {},
): Program {
  const stage = openStage()
  const { fetch } = createAgent({
    id: ids.agent,
    signer: agentSigner,
    authServers: [ids.authServer],
    consent: loopbackConsent({ output: screen, env: environment, ...options }),
    fetch: stage.toPeers,
    now: () => stage.clock.now,
    ...agentOptions,
  })
  return {
    stage,
    screen,
    fetch,
    async page() {
      await expect.poll(() => screen.written).toContain('https://auth')
      const url = screen.lines.map((line) => line.trim()).find((line) => line.startsWith('https://auth'))
      return new URL(url ?? '')
    },
  }
}

/** The URL to which the auth server redirects the browser. */
function callback(page: URL, parameters: Record<string, string> = { code: 'the-code' }): URL {
  const url = new URL(page.searchParams.get('redirect_uri') ?? '')
  const answer = { state: page.searchParams.get('state') ?? '', iss: ids.authServer, ...parameters }
  for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value)
  return url
}

async function visit(url: URL, options: { method?: string; headers?: Record<string, string> } = {}) {
  const asked = request(url, { ...options, agent: false })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, text }
}

async function isListening({ port }: URL): Promise<boolean> {
  const socket = connect(Number(port), '127.0.0.1')
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return isOpen
}

const data = `${ids.api}/data`

describe('a user at a terminal', () => {
  it('sees where to decide and with which code, on lines that fit, and is redirected to a free port', async () => {
    const { fetch, page, screen, stage } = startProgram()
    const end = ended(fetch(data))
    const url = await page()
    expect(screen.written).toContain('api.example needs your consent, which you give at auth.example:\n  - data.read\n')
    expect(screen.written).toMatch(/The page shows the code [0-9A-Z]{4}\. If it shows a different code, close it\./)
    expect(screen.lines.filter((line) => line.length > 80 && !line.includes('https://'))).toEqual([])
    expect(screen.written, 'no forwarding is needed here').not.toMatch(/ssh|paste/)
    const back = callback(url)
    expect(back.href).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback\?/)
    expect(stage.forms()[0]?.redirect_uri).toBe(`${back.origin}/callback`)
    const shown = await visit(back)
    expect(shown.text).toContain('data-state="allowed"')
    expect(await end).toBe('data')
    expect(stage.forms()[1]).toMatchObject({ code: 'the-code', redirect_uri: `${back.origin}/callback` })
    expect(await isListening(back), 'the port is closed').toBe(false)
    expect(screen.lines.at(-1), 'the countdown line is cleared').toBe('')
  })

  it('sees the remaining time', async () => {
    const screen = new Screen()
    const { fetch, page } = startProgram({}, screen)
    const abort = new AbortController()
    const end = ended(fetch(data, { signal: abort.signal }))
    await page()
    expect(screen.lines.at(-1)).toMatch(/^Waiting for you: \d+:\d\d left\.$/)
    abort.abort(new Error('given up'))
    expect(await end).toBe('given up')
    expect(screen.lines.at(-1)).toBe('')
  })

  it.each([
    ['denies', { error: 'access_denied' }, 'access_denied', 'denied'],
    ['is redirected with an error', { error: 'server_error' }, 'token_request_failed', 'failed'],
  ])('%s: the request rejects with that, and the port is closed', async (_case, answer, code, state) => {
    const { fetch, page } = startProgram()
    const end = ended(fetch(data))
    const back = callback(await page(), answer as Record<string, string>)
    expect((await visit(back)).text).toContain(`data-state="${state}"`)
    expect(await end).toBe(code)
    expect(await isListening(back)).toBe(false)
  })

  it('decides for two APIs at the same time, each on its own port', async () => {
    const { fetch, page, screen, stage } = startProgram()
    stage.api = async (path, { scheme }) => (scheme === 'jwt' ? new Response(path) : stage.challenge(path.slice(1)))
    stage.token.code = async (form) => ({ auth_token: await stage.authToken({ scope: form.get('code') ?? '' }) })
    const ends = Promise.all([ended(fetch(`${ids.api}/one`)), ended(fetch(`${ids.api}/two`))])
    await page()
    await expect.poll(() => screen.written).toMatch(/needs your consent[\s\S]*needs your consent/)
    const pages = screen.lines.filter((line) => line.trim().startsWith('https://')).map((line) => new URL(line.trim()))
    const backs = pages.map((url) => callback(url, { code: 'one' }))
    expect(new Set(backs.map(({ port }) => port)).size).toBe(2)
    for (const [at, scope] of ['one', 'two'].entries()) {
      const back = backs[at]
      back?.searchParams.set('code', scope)
      if (back) await visit(back)
    }
    expect((await ends).toSorted()).toEqual(['/one', '/two'])
  })

  it('may decide after the request was aborted: the next request finds the token', async () => {
    const { fetch, page, stage } = startProgram()
    const abort = new AbortController()
    const end = ended(fetch(data, { signal: abort.signal }))
    const back = callback(await page())
    abort.abort(new Error('given up'))
    expect(await end).toBe('given up')
    expect((await visit(back)).text).toContain('data-state="allowed"')
    expect(await ended(fetch(data))).toBe('data')
    expect(stage.forms(), 'requested once').toHaveLength(2)
    expect(await isListening(back)).toBe(false)
  })

  it('is not prompted if a policy of the auth server decides', async () => {
    const { fetch, screen, stage } = startProgram()
    stage.token.auth = async () => ({ auth_token: await stage.authToken(), expires_in: 600 })
    expect(await ended(fetch(data))).toBe('data')
    expect(screen.written).toBe('')
    const opened = new URL(stage.forms()[0]?.redirect_uri ?? '')
    expect(await isListening(opened)).toBe(false)
  })

  it('is not prompted if standard error is not a terminal: the request rejects immediately, with the page', async () => {
    const screen = new Screen(false)
    const { fetch } = startProgram({}, screen)
    const error = await fetch(data).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'consent_required' })
    expect(String((error as AgentError).consent?.url)).toContain('redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback')
    expect(screen.written).toBe('')
  })

  it('is prompted by the program itself if it has its own windows', async () => {
    const urls: string[] = []
    const { fetch, screen } = startProgram({ onConsent: ({ url }) => void urls.push(url) }, new Screen(false))
    const end = ended(fetch(data))
    await expect.poll(() => urls).toHaveLength(1)
    await visit(callback(new URL(urls[0] ?? '')))
    expect(await end).toBe('data')
    expect(screen.written).toBe('')
  })

  it('sees the command that forwards the port when connected over SSH', async () => {
    const env = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.7 2222', DISPLAY: ':0' }
    const { fetch, page, screen } = startProgram({ env })
    const abort = new AbortController()
    const end = ended(fetch(data, { signal: abort.signal }))
    const { port } = callback(await page())
    expect(screen.lines.find((line) => line.includes('ssh -N'))).toMatch(
      new RegExp(String.raw`^ {2}ssh -N -p 2222 -L ${port}:127\.0\.0\.1:${port} \S+@192\.0\.2\.7$`),
    )
    abort.abort(new Error('given up'))
    await end
  })
})

describe('M08: other requests to the port', () => {
  it.each<[string, (back: URL) => [URL, { method?: string; headers?: Record<string, string> }], number]>([
    ['with another host name', (back) => [back, { headers: { host: 'evil.example' } }], 403],
    ['with localhost as the host', (back) => [back, { headers: { host: `localhost:${back.port}` } }], 403],
    ['from a page’s script', (back) => [back, { headers: { origin: 'https://evil.example' } }], 403],
    ['from a page with an opaque origin', (back) => [back, { headers: { origin: 'null' } }], 403],
    ['elsewhere', (back) => [new URL('/', back), {}], 404],
    ['with POST', (back) => [back, { method: 'POST' }], 405],
    ['with another state', (back) => [new URL(`${back.href.replace(/state=[^&]+/, 'state=x')}`), {}], 400],
    ['from another server', (back) => [new URL(back.href.replace(/iss=[^&]+/, 'iss=https://evil.example')), {}], 400],
  ])('%s changes nothing', async (_case, changed, status) => {
    const { fetch, page } = startProgram()
    const end = ended(fetch(data))
    const back = callback(await page())
    expect((await visit(...changed(back))).status).toBe(status)
    expect((await visit(back)).text).toContain('data-state="allowed"')
    expect(await end).toBe('data')
  })
})

describe('L09: a pasted address', () => {
  /** A program at whose terminal the user pastes. */
  function startPasting(isTTY = true) {
    const input = Object.assign(new PassThrough(), { isTTY })
    return { ...startProgram({ paste: true, input }), input, paste: (text: string) => input.write(`${text}\n`) }
  }

  it('completes a consent', async () => {
    const { fetch, page, paste, input, screen } = startPasting()
    const end = ended(fetch(data))
    const back = callback(await page())
    expect(screen.written).toContain(
      'a page that it cannot load. This is\nexpected: paste the whole address of that page here',
    )
    expect(input.isPaused()).toBe(false)
    paste(`  ${back.href}`)
    expect(await end).toBe('data')
    expect(input.isPaused(), 'so that the program can exit').toBe(true)
    expect(await isListening(back)).toBe(false)
  })

  it.each<[string, (back: URL) => string, string]>([
    ['only a code', () => 'the-code', 'That is not a complete address'],
    ['another port', (back) => back.href.replace(`:${back.port}`, ':1'), 'That is a different address'],
    ['another path', (back) => back.href.replace(back.pathname, '/other'), 'That is a different address'],
    ['another host', (back) => back.href.replace('127.0.0.1', 'localhost'), 'That is a different address'],
    ['another state', (back) => back.href.replace(/state=[^&]+/, 'state=x'), 'does not belong to this request'],
    ['two states', (back) => `${back.href}&state=x`, 'does not belong to this request'],
    ['no iss', (back) => back.href.replace(/&iss=[^&]+/, ''), 'does not name https://auth.example as its issuer'],
    ['another iss', (back) => back.href.replace(/iss=[^&]+/, 'iss=https://evil.example'), 'as its issuer'],
    ['no code or error', (back) => back.href.replace(/&code=[^&]+/, ''), 'is incomplete'],
    ['both a code and an error', (back) => `${back.href}&error=access_denied`, 'is incomplete'],
  ])('with %s is rejected in one sentence, and requested again', async (_case, changed, sentence) => {
    const { fetch, page, paste, screen, stage } = startPasting()
    const end = ended(fetch(data))
    const back = callback(await page())
    paste(changed(back))
    await settled()
    expect(screen.written).toContain(sentence)
    expect(stage.forms(), 'nothing was sent').toHaveLength(1)
    paste(back.href)
    expect(await end).toBe('data')
  })

  it('that is wrong three times rejects the request', async () => {
    const { fetch, page, paste } = startPasting()
    const end = fetch(data).catch((error: unknown) => error)
    const back = callback(await page())
    for (const text of ['one', 'two', 'three']) paste(text)
    expect(await end).toMatchObject({
      code: 'answer_refused',
      message: expect.stringMatching(
        /^None of the 3 addresses was the right one\. Start again\. That is not a complete/,
      ),
    })
    expect(await isListening(back)).toBe(false)
  })

  it('is not requested if no one is at the keyboard, which is standard input by default', async () => {
    for (const { fetch } of [startPasting(false), startProgram({ paste: true })])
      expect(await ended(fetch(data))).toBe('consent_required')
  })
})

/** A program in a separate process, which has prompted its user. */
async function runProgram(...args: string[]) {
  const program = spawn(process.execPath, [new URL('loopback-program.mjs', import.meta.url).pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void program.kill())
  const exited = once(program, 'exit')
  let written = ''
  program.stdout.on('data', (chunk) => {
    written += String(chunk)
  })
  await expect.poll(() => written).toContain('\n')
  const back = callback(new URL(written.split('\n')[0] ?? ''))
  return { program, exited, back, printed: () => written.split('\n')[1] }
}

describe('a program that is killed while its user decides', () => {
  /** Restarts the killed program; `meanwhile` may take its port. */
  async function runAgain(meanwhile: (port: number) => Promise<unknown> = async () => undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-killed-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const killed = await runProgram(folder)
    killed.program.kill('SIGKILL')
    await killed.exited
    await meanwhile(Number(killed.back.port))
    return { before: killed.back, again: await runProgram(folder) }
  }

  it('listens on the same port after a restart: the earlier page still works, and ends the wait', async () => {
    const { before, again } = await runAgain()
    expect(again.back.href, 'the same page').toBe(before.href)
    expect((await visit(before)).text).toContain('data-state="allowed"')
    expect(await again.exited).toEqual([0, null])
    expect(again.printed()).toBe('data')
  })

  it('listens on another port if its own is taken: its new page works', async () => {
    const { before, again } = await runAgain(async (port) => {
      const other = createServer().listen(port, '127.0.0.1')
      onTestFinished(() => void other.close())
      await once(other, 'listening')
    })
    expect(again.back.port).not.toBe(before.port)
    expect((await visit(again.back)).text).toContain('data-state="allowed"')
    expect(await again.exited).toEqual([0, null])
  })
})

it('idle connections of other programs do not keep a browser out', async () => {
  const { fetch, page } = startProgram()
  const end = ended(fetch(`${ids.api}/data`))
  const back = callback(await page())
  const idle = Array.from({ length: 600 }, () => {
    const socket = connect(Number(back.port), '127.0.0.1')
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    return socket
  })
  await Promise.all(idle.map((socket) => new Promise((there) => socket.once('connect', there))))
  expect((await visit(back)).text).toContain('data-state="allowed"')
  expect(await end).toBe('data')
})

it('a program exits once the user has decided and the page is delivered, although connections remain open', async () => {
  const { exited, back, printed } = await runProgram()
  // A client starts a request and never finishes it.
  const half = connect(Number(back.port), '127.0.0.1')
  half.write(`GET /callback HTTP/1.1\r\nHost: ${back.host}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx`)
  // A browser also opens a connection in advance, and keeps it.
  const spare = get(new URL('/favicon.ico', back))
  await once(spare, 'response')
  expect((await visit(back)).text).toContain('data-state="allowed"')
  expect(await exited).toEqual([0, null])
  expect(printed()).toBe('data')
  spare.destroy()
  half.destroy()
})

/** Replaces the program that opens pages; returns the file in which it records the address. */
function replaceOpener(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-opener-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const place = join(folder, 'opened')
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\nprintf %s "$*" > ${place}.new && mv ${place}.new ${place}\n`, {
    mode: 0o755,
  })
  const { PATH: before } = process.env
  process.env.PATH = `${folder}:${before}`
  onTestFinished(() => {
    process.env.PATH = before
  })
  return place
}

it.each<[string, NodeJS.ProcessEnv, boolean]>([
  ['without a desktop', {}, false],
  ['on X11', { DISPLAY: ':0' }, true],
  ['on Wayland', { WAYLAND_DISPLAY: 'wayland-0' }, true],
  ['in a terminal over SSH', { DISPLAY: 'localhost:10', SSH_TTY: '/dev/pts/1' }, false],
  ['on empty names', { DISPLAY: '', WAYLAND_DISPLAY: '' }, false],
])('%s, the browser is opened: %j, %s', async (_where, env, isOpened) => {
  const place = replaceOpener()
  const { fetch, page, screen } = startProgram({ env })
  const end = ended(fetch(data))
  const url = await page()
  expect(screen.written).toContain(isOpened ? 'Your browser opens this page:' : 'Open this page in your browser:')
  if (isOpened) await expect.poll(() => existsSync(place)).toBe(true)
  await visit(callback(url))
  expect(await end).toBe('data')
  expect(existsSync(place)).toBe(isOpened)
})

it('opens the browser with an address that leads to the page only once, since other users can read the command line', async () => {
  const place = replaceOpener()
  const { fetch, page, screen } = startProgram({ openBrowser: true })
  const end = ended(fetch(data))
  const url = await page()
  expect(screen.written).toContain('Your browser opens this page:')
  await expect.poll(() => existsSync(place)).toBe(true)
  const opened = readFileSync(place, 'utf8')
  expect(opened).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/open\/[\w-]{32}$/)
  const followed = await globalThis.fetch(opened, { redirect: 'manual' })
  expect([followed.status, followed.headers.get('location')]).toEqual([303, url.href])
  expect((await globalThis.fetch(opened, { redirect: 'manual' })).status, 'once').toBe(410)
  await visit(callback(url))
  expect(await end).toBe('data')
})

it.each([
  [{ DISPLAY: ':0' }, 'Your browser opens this page:'],
  [{}, 'Open this page in your browser:'],
])('showLoopbackPage shows a page and, if there is a browser, opens it with a one-time link: %j', async (env, line) => {
  const place = replaceOpener()
  const output = new Screen()
  const createOneTimeLink = (page: string) => `http://127.0.0.1:20000/open/${page.length}`
  showLoopbackPage('https://auth.example/login', { port: 20_000, createOneTimeLink }, { output, env })
  expect(output.written).toContain(line)
  expect(output.lines).toContain('  https://auth.example/login')
  if ('DISPLAY' in env) await expect.poll(() => existsSync(place)).toBe(true)
  expect(existsSync(place) && readFileSync(place, 'utf8')).toBe('DISPLAY' in env && 'http://127.0.0.1:20000/open/26')
})

it('a port is closed after three hours, and a closed consent leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const consent = loopbackConsent({ onConsent: () => undefined })
  const answer = async () => new Response()
  const forgotten = await consent.open(answer, { state: 'forgotten' })
  const closed = await consent.open(answer, { state: 'closed' })
  const port = new URL(forgotten.redirectUri)
  closed.close()
  const grace = 10_000
  vi.advanceTimersByTime(grace)
  expect(vi.getTimerCount(), 'of the other consent').toBe(1)
  vi.advanceTimersByTime(3 * 3_600_000 - grace - 1)
  expect(await isListening(port)).toBe(true)
  vi.advanceTimersByTime(1)
  expect(await isListening(port)).toBe(false)
})

describe('two consents at one keyboard', () => {
  /** The calls at `/one` and `/two`, and the URLs that the auth server redirects to, in the order in which their pages are shown. */
  async function startBoth() {
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const { fetch, screen, stage } = startProgram({ paste: true, input })
    stage.api = async (path, { scheme }) => (scheme === 'jwt' ? new Response(path) : stage.challenge(path.slice(1)))
    stage.token.code = async (form) => ({ auth_token: await stage.authToken({ scope: form.get('code') ?? '' }) })
    const ends = ['/one', '/two'].map((path) => ended(fetch(ids.api + path)))
    await expect.poll(() => screen.written).toMatch(/needs your consent[\s\S]*needs your consent/)
    const pages = screen.lines.filter((line) => line.trim().startsWith('https://')).map((line) => new URL(line.trim()))
    const backs = ['one', 'two'].map((code, at) => callback(pages[at] ?? expect.fail(), { code }).href)
    const asked = () => screen.written.split('expected: paste').length - 1
    return { ends, backs, asked, paste: (text = '') => input.write(`${text}\n`) }
  }

  it('are pasted one after the other', async () => {
    const { ends, backs, asked, paste } = await startBoth()
    await expect.poll(asked).toBe(1)
    paste(backs[0])
    await expect.poll(asked).toBe(2)
    paste(backs[1])
    expect((await Promise.all(ends)).toSorted()).toEqual(['/one', '/two'])
  })

  it('are independent: after three wrong addresses for the first, the second is pasted', async () => {
    const { ends, backs, asked, paste } = await startBoth()
    for (const wrong of ['one', 'two', 'three']) paste(wrong)
    await expect.poll(asked).toBe(2)
    await settled()
    paste(backs[1])
    expect((await Promise.all(ends)).toSorted()).toEqual(['/two', 'answer_refused'])
  })

  it('need no address for one that ended while the other was pasted', async () => {
    const { ends, backs, asked, paste } = await startBoth()
    await expect.poll(asked).toBe(1)
    await visit(new URL(backs[1] ?? ''))
    expect(await ends[1]).toBe('/two')
    paste(backs[0])
    expect(await ends[0]).toBe('/one')
    expect(asked()).toBe(1)
  })
})

describe('two programs of one agent', () => {
  /** The first prompts; the second waits for the same consent. */
  async function startTwo(consentTimeout?: number) {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-two-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const store = fileStore(folder)
    const first = startProgram({}, new Screen(), { store, consentTimeout })
    const ends = [ended(first.fetch(data))]
    const url = await first.page()
    const env = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.7 22' }
    const second = startProgram({ env }, new Screen(), { store })
    second.stage.token.auth = () => ({ request_token: 'another request', expires_in: 600 })
    ends.push(ended(second.fetch(data)))
    expect((await second.page()).href, 'the same page').toBe(url.href)
    return { first, second, ends, url }
  }

  it('show one page: the second reports that the first prompts, and where the user decides', async () => {
    const { first, second, ends, url } = await startTwo()
    const { written } = second.screen
    expect(written).toContain('Another process of this agent has already prompted you. Decide on its page:')
    expect(written).toContain(/The page shows the code [0-9A-Z]{4}\./.exec(first.screen.written)?.[0] ?? 'a code')
    const { port } = callback(url)
    expect(written).toMatch(new RegExp(String.raw`ssh -N -L ${port}:127\.0\.0\.1:${port} `))
    expect(second.screen.lines.at(-1)).toMatch(/^Waiting for you: \d+:\d\d left\.$/)
    expect((await visit(callback(url))).text).toContain('data-state="allowed"')
    expect(await Promise.all(ends)).toEqual(['data', 'data'])
    expect(second.screen.lines.at(-1), 'the countdown line is cleared').toBe('')
    expect(second.stage.forms()).toEqual([])
  })

  it('when the first times out, the second continues to wait for the same page', async () => {
    const { first, second, ends, url } = await startTwo(5)
    for (const { stage } of [first, second]) stage.clock.now += 6
    expect(await ends[0]).toBe('consent_expired')
    expect(first.screen.lines.at(-1), 'the countdown line is cleared').toBe('')
    await visit(callback(url))
    expect(await ends[1]).toBe('data')
    expect(second.stage.forms()).toEqual([])
  })

  it('when the first is killed, the second takes over its port, and the page still works', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-two-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const first = await runProgram(folder)
    const second = await runProgram(folder)
    expect(second.back.href, 'the same page').toBe(first.back.href)
    first.program.kill('SIGKILL')
    await first.exited
    await expect.poll(() => isListening(first.back), { interval: 20 }).toBe(true)
    expect((await visit(first.back)).text).toContain('data-state="allowed"')
    expect(await second.exited).toEqual([0, null])
    expect(second.printed()).toBe('data')
  })
})

it('rejects invalid options', () => {
  expect(() => loopbackConsent({ port: 8080 } as object)).toThrow(/port/)
  const { signer, ...rest } = { id: ids.agent, signer: agentSigner, authServers: [ids.authServer] }
  const consent = loopbackConsent()
  expect(() => createAgent({ ...rest, signer, consent, onConsent: () => undefined })).toThrow(/remove onConsent/)
  expect(() => createAgent({ ...rest, signer, consent, redirectUri: 'http://127.0.0.1/callback' })).toThrow(
    /remove redirectUri/,
  )
  expect(() => createAgent({ ...rest, signer, consent: (() => undefined) as never })).toThrow(/loopbackConsent/)
  expect(createAgent({ ...rest, signer, consent }).metadata.redirect_uris).toEqual(['http://127.0.0.1/callback'])
})
