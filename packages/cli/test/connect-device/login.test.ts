import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileStore } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { type ProgramOptions, startProgram } from '../run-program.js'
import { type FakeAuthServer, refusal, startFakeAuthServer } from './fake-auth-server.js'

/** A device without logins. */
function newDevice() {
  const home = mkdtempSync(join(tmpdir(), 'countersign-device-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const start = (args: readonly string[], options: ProgramOptions = {}) =>
    startProgram(args, { ...options, env: { COUNTERSIGN_HOME: home, ...options.env } })
  return { home, start, run: (args: readonly string[], options?: ProgramOptions) => start(args, options).finished }
}

interface Posted {
  status: number
  page: string
}

/** A user whose browser delivers a response to the page's redirect URI. */
function browserThat(answer: (asked: URLSearchParams) => Record<string, string>) {
  const urls: URL[] = []
  let deliver: (posted: Promise<Posted>) => void = () => undefined
  const posted = new Promise<Posted>((resolve) => {
    deliver = resolve
  })
  return {
    urls,
    posted,
    person(text: string) {
      const url = new URL(text)
      urls.push(url)
      deliver(post(url.searchParams.get('redirect_uri') ?? '', answer(url.searchParams)))
    },
  }
}

async function post(url: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Posted> {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { origin: 'null', ...headers },
  })
  return { status: response.status, page: await response.text() }
}

/** A browser in which the user chooses Yes. */
const allowsAt = ({ issuer }: FakeAuthServer) =>
  browserThat((asked) => ({ code: 'aadc_1', state: asked.get('state') ?? '', iss: issuer }))

async function loggedIn(server: FakeAuthServer, device = newDevice()) {
  const { status, stderr } = await device.run(['login', server.issuer], allowsAt(server))
  expect({ status, stderr }).toMatchObject({ status: 0 })
  return device
}

it('connects the device through the browser, names account and device, and stores the key for this user only', async () => {
  const server = await startFakeAuthServer()
  const { home, run } = newDevice()
  const browser = allowsAt(server)
  const { status, stdout, stderr } = await run(['login', server.issuer, '--name', 'Work laptop'], browser)
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: `This device is connected as “laptop” to the account ada at\n${server.issuer}.\n`,
  })
  expect(stderr).toContain('to connect this device as “Work laptop”')
  const [url] = browser.urls
  expect(url?.href.startsWith(`${server.issuer}/account/devices/connect?`)).toBe(true)
  expect(url?.searchParams.get('jkt')).toMatch(/^[\w-]{43}$/)
  expect(url?.searchParams.get('state')).toMatch(/^[\w-]{22,}$/)
  expect(url?.searchParams.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
  expect(await browser.posted).toMatchObject({ status: 200, page: expect.stringContaining('data-state="allowed"') })
  expect(server.posted).toEqual(['/delegates credential=aadc_1'])
  const [folder = ''] = readdirSync(join(home, 'logins'))
  expect(readdirSync(join(home, 'logins', folder)).sort()).toEqual([
    'agent.json',
    expect.stringMatching(/^key-.*\.json$/),
  ])
})

it('prints one JSON document', async () => {
  const server = await startFakeAuthServer()
  const { stdout } = await newDevice().run(['login', server.issuer, '--json'], allowsAt(server))
  expect(JSON.parse(stdout)).toEqual({ auth_server: server.issuer, device: 'laptop', account: 'ada', expires_at: null })
})

it('D14: uses only the response to its own login, delivered as a form, and only once', async () => {
  const server = await startFakeAuthServer()
  const { start } = newDevice()
  let asked: URLSearchParams | undefined
  const running = start(['login', server.issuer], {
    person(url) {
      asked = new URL(url).searchParams
    },
  })
  await running.seen(/Waiting for you/)
  const callback = asked?.get('redirect_uri') ?? ''
  const right = { code: 'aadc_1', state: asked?.get('state') ?? '', iss: server.issuer }
  expect((await fetch(`${callback}?${String(new URLSearchParams(right))}`)).status).toBe(405)
  for (const wrong of [
    { ...right, state: 'another' },
    { ...right, iss: 'https://other.example' },
    { state: right.state, iss: right.iss },
    { ...right, error: 'access_denied' },
  ])
    expect(await post(callback, wrong)).toMatchObject({
      status: 400,
      page: expect.stringContaining('data-state="refused"'),
    })
  expect((await post(callback.replace('127.0.0.1', 'localhost'), right)).status).toBe(403)
  expect(server.posted).toEqual([])
  const [first, second] = await Promise.all([post(callback, right), post(callback, { ...right, code: 'aadc_2' })])
  expect(new Set([first.status, second.status])).toEqual(new Set([200, 400]))
  expect(await running.finished).toMatchObject({ status: 0 })
  expect(server.posted).toHaveLength(1)
})

it.each([
  ['the user chooses No', { error: 'access_denied' }, [], 5, 'You chose not to connect this device.'],
  ['the code is refused', { code: 'aadc_1' }, [refusal('enrollment_denied')], 1, 'This is enrollment_denied.'],
  [
    'there are too many devices',
    { code: 'aadc_1' },
    [refusal('too_many_devices', 409)],
    1,
    'This is too_many_devices.',
  ],
  [
    'the response names no account',
    { code: 'aadc_1' },
    [[201, { device: 'laptop' }] as const],
    1,
    'names no device or no account',
  ],
])('connects nothing if %s', async (_case, answer, answers, exit, sentence) => {
  const server = await startFakeAuthServer()
  if (answers.length > 0) server.answers['/delegates'] = [...answers]
  const { home, run } = newDevice()
  const browser = browserThat((asked) => ({ ...answer, state: asked.get('state') ?? '', iss: server.issuer }))
  const { status, stdout, stderr } = await run(['login', server.issuer], browser)
  expect({ status, stdout }).toEqual({ status: exit, stdout: '' })
  expect(stderr).toContain(sentence)
  expect((await browser.posted).page).toMatch(/data-state="(?:denied|failed)"/)
  expect(existsSync(join(home, 'logins'))).toBe(false)
})

it('gives up after its time, and on Ctrl-C', async () => {
  const server = await startFakeAuthServer()
  const { run, start } = newDevice()
  const late = await run(['login', server.issuer, '--timeout', '1'], { person: () => undefined })
  expect(late).toMatchObject({ status: 6, stderr: expect.stringContaining('No one connected this device within 1 s') })
  const stopped = start(['login', server.issuer], { person: () => undefined })
  await stopped.seen(/Waiting for you/)
  expect(await stopped.stop('SIGINT')).toMatchObject({ status: 130 })
})

it('names what an auth server lacks, and one that does not respond', async () => {
  const server = await startFakeAuthServer()
  const { run } = newDevice()
  const remote = await run(['login', server.issuer, '--remote'])
  expect(remote).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has not turned on personalAgents.remote'),
  })
  server.document = { ...server.document, device_authorization_uri: 'https://other.example/connect' }
  const elsewhere = await run(['login', server.issuer])
  expect(elsewhere).toMatchObject({ status: 1, stderr: expect.stringContaining('another origin') })
  const older = await run(['login', server.issuer, '--edition', 'draft-11'])
  expect(older.status).toBe(1)
  expect(older.stderr.replaceAll(/\s+/g, ' ')).toContain('connects no devices that speak draft-11')
  server.answers['/.well-known/aauth-agent.json'] = [[503, {}]]
  const busy = await run(['login', server.issuer, '--edition', 'draft-11'])
  expect(busy).toMatchObject({ status: 3, stderr: expect.stringContaining('503') })
  server.document = undefined
  const without = await run(['login', server.issuer])
  expect(without).toMatchObject({ status: 1, stderr: expect.stringContaining('has not turned on personalAgents') })
  const gone = await run(['login', `http://127.0.0.1:${await freePort()}`])
  expect(gone).toMatchObject({ status: 3, stderr: expect.stringContaining('ECONNREFUSED') })
})

it('over SSH, shows the command that forwards the port, and mentions --remote if the auth server allows it', async () => {
  const server = await startFakeAuthServer({ isRemote: true })
  const env = { SSH_CONNECTION: '10.0.0.1 5000 10.0.0.2 22' }
  const { stderr } = await newDevice().run(['login', server.issuer], {
    env,
    ...browserThat((asked) => ({ code: 'aadc_1', state: asked.get('state') ?? '', iss: server.issuer })),
  })
  expect(stderr).toMatch(/ssh -N -L (\d+):127\.0\.0\.1:\1 \S+@10\.0\.0\.2/)
  expect(stderr).toContain('--remote')
})

it('changes nothing if the device is already connected, and replaces a login that was disconnected', async () => {
  const server = await startFakeAuthServer()
  const { home, run } = await loggedIn(server)
  const keyOf = () => readdirSync(join(home, 'logins', readdirSync(join(home, 'logins'))[0] ?? '')).sort()[1]
  const key = keyOf()
  const again = await run(['login', server.issuer])
  expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('Nothing was changed') })
  expect(keyOf()).toBe(key)
  server.answers['/delegates/status'] = [refusal('revoked_delegate')]
  await loggedIn(server, { home, run, start: () => expect.fail() })
  expect(keyOf()).not.toBe(key)
})

it('undoes the second of two logins at one time', async () => {
  const server = await startFakeAuthServer()
  const { start } = newDevice()
  const asked: URLSearchParams[] = []
  const person = (url: string) => void asked.push(new URL(url).searchParams)
  const both = [start(['login', server.issuer], { person }), start(['login', server.issuer], { person })]
  for (const each of both) await each.seen(/Waiting for you/)
  for (const each of asked)
    await post(each.get('redirect_uri') ?? '', { code: 'aadc_1', state: each.get('state') ?? '', iss: server.issuer })
  const ends = await Promise.all(both.map(({ finished }) => finished))
  expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([0, 1]))
  expect(ends.map(({ stderr }) => stderr).join('')).toContain('was completed first')
  expect(server.posted.filter((form) => form.startsWith('/delegates/disconnect'))).toHaveLength(1)
})

const keyboardOf = (...lines: string[]) => {
  const keyboard = Object.assign(new PassThrough(), { isTTY: true })
  const type = () => {
    const line = lines.shift()
    if (line !== undefined) keyboard.write(`${line}\n`)
  }
  return { keyboard, type }
}

it('connects a device without a browser: the code is typed into the terminal, which shows the number of the page', async () => {
  const server = await startFakeAuthServer({ isRemote: true })
  const number = { number: '47', interval: 0.01, account: 'ada' }
  server.answers['/delegates'] = [
    refusal('enrollment_denied'),
    [202, number],
    refusal('too_many_requests', 429),
    [202, number],
    [201, { name: 'x', device: 'box', account: 'ada', issuer: server.issuer, expires_at: 1_800_000_000 }],
  ]
  const { keyboard, type } = keyboardOf('12', 'AAAA-AAAA', '7xq2 94ko')
  const { start } = newDevice()
  const running = start(['login', server.issuer, '--remote', '--name', 'box'], {
    keyboard,
    person: () => undefined,
  })
  keyboard.on('resume', () => undefined)
  for (const prompt of [/Code: /, /A code has 8/, /The code is wrong/]) {
    await running.seen(prompt)
    type()
  }
  const { status, stdout, stderr } = await running.finished
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringMatching(
      /^This device is connected as “box” to the account ada at \S+\nuntil 2027-01-1\d \d\d:\d\d UTC\S*\.\n$/,
    ),
  })
  expect(stderr).toContain(`  ${server.issuer}/account/devices/code\n`)
  expect(stderr).toMatch(/account ada\. The number is 47/)
  expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
    'use countersign fetch --paste: you decide in the browser on your other',
  )
  expect(server.posted.at(-1)).toBe('/delegates credential=7XQ294K0&device=box')
})

it('gives up after three wrong codes, if the user denies, and without a terminal', async () => {
  const server = await startFakeAuthServer({ isRemote: true })
  const { run, start } = newDevice()
  expect(await run(['login', server.issuer, '--remote'])).toMatchObject({ status: 2 })
  server.answers['/delegates'] = [refusal('enrollment_denied')]
  const { keyboard, type } = keyboardOf('AAAAAAAA', 'AAAAAAAA', 'AAAAAAAA')
  const wrong = start(['login', server.issuer, '--remote'], { keyboard, person: () => undefined })
  for (const times of [1, 2, 3]) {
    await wrong.seen(new RegExp(`(?:Code: [^]*){${times}}`))
    type()
  }
  expect(await wrong.finished).toMatchObject({ status: 1, stderr: expect.stringMatching(/Open the page\s+again/) })
  server.answers['/delegates'] = [[202, { number: '47', interval: 0.01, account: 'ada' }], refusal('enrollment_denied')]
  const typed = keyboardOf('AAAAAAAA')
  const denied = start(['login', server.issuer, '--remote'], { keyboard: typed.keyboard, person: () => undefined })
  await denied.seen(/Code: /)
  typed.type()
  expect(await denied.finished).toMatchObject({ status: 5, stderr: expect.stringContaining('you chose No') })
})

it('logs out: the device is disconnected, and its key is deleted', async () => {
  const server = await startFakeAuthServer()
  const { home, run } = await loggedIn(server)
  expect(await run(['logout'])).toMatchObject({ status: 0 })
  expect(server.posted.at(-1)).toBe('/delegates/disconnect')
  expect(readdirSync(join(home, 'logins'))).toEqual([])
  expect(await run(['logout'])).toMatchObject({ status: 2, stderr: expect.stringContaining('not connected') })
})

it('logs out of a device that was already disconnected, and deletes the key even if the auth server does not respond', async () => {
  const server = await startFakeAuthServer()
  const { run } = await loggedIn(server)
  server.answers['/delegates/disconnect'] = [refusal('revoked_delegate')]
  expect(await run(['logout', server.issuer])).toMatchObject({ status: 0 })
  const { home, run: runAgain } = await loggedIn(server)
  server.answers['/delegates/disconnect'] = [refusal('temporarily_unavailable', 503)]
  const { status, stderr } = await runAgain(['logout'])
  expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('still lists the device') })
  expect(readdirSync(join(home, 'logins'))).toEqual([])
})

it('requires --as if there are several agents, so that no API learns of the wrong one', async () => {
  const [one, two] = [await startFakeAuthServer(), await startFakeAuthServer()]
  const device = await loggedIn(one)
  const { stderr } = await device.run(['login', two.issuer], allowsAt(two))
  expect(stderr).toContain('There are several agents')
  const url = `http://127.0.0.1:${await freePort()}/`
  const unclear = await device.run(['fetch', url])
  expect(unclear).toMatchObject({ status: 2, stdout: '' })
  for (const { issuer } of [one, two]) expect(unclear.stderr).toContain(issuer)
  expect(await device.run(['fetch', '--as', two.issuer, url])).toMatchObject({ status: 1 })
  expect(two.posted.at(-1)).toMatch(/^\/delegates\/token audience=/)
  expect(await device.run(['logout'])).toMatchObject({ status: 2, stderr: expect.stringContaining('specify one') })
  expect(await device.run(['logout', one.issuer])).toMatchObject({ status: 0 })
  expect(await device.run(['status'])).toMatchObject({ stdout: expect.stringContaining(two.issuer) })
})

it('shows in its status which account the device belongs to, and that it was disconnected or cannot be checked', async () => {
  const server = await startFakeAuthServer()
  const { home, run } = await loggedIn(server)
  const folder = join(home, 'logins', encodeURIComponent(server.issuer))
  const person = { agent: server.issuer, edition: 'January 2026', kind: 'person' as const, data: { sub: 'user-1' } }
  await fileStore(join(folder, 'store')).put('', { ...person, id: `January 2026 ${server.issuer} ${server.issuer}` })
  const { stdout } = await run(['status'])
  expect(stdout).toContain('Device       “laptop” of the account ada, connected\n')
  expect(stdout).toContain('User         user-1\n')
  server.answers['/delegates/status'] = [refusal('unknown_delegate')]
  const later = await run(['status', '--json'])
  expect(JSON.parse(later.stdout)).toMatchObject({
    agents: [{ agent: server.issuer, device: { name: 'laptop', account: 'ada' }, published: 'disconnected' }],
  })
  expect(later.status).toBe(1)
  server.answers['/delegates/status'] = [refusal('temporarily_unavailable', 503)]
  const overloaded = await run(['status', '--json'])
  expect(JSON.parse(overloaded.stdout)).toMatchObject({
    agents: [{ published: 'unreachable', auth_servers: [{ user: 'user-1' }] }],
  })
  expect(overloaded.status).toBe(3)
})

it('says how to connect a device again that was disconnected', async () => {
  const server = await startFakeAuthServer()
  const { run } = await loggedIn(server)
  server.answers['/delegates/token'] = [refusal('revoked_delegate')]
  const { status, stderr } = await run(['fetch', `http://127.0.0.1:${await freePort()}/`])
  expect(status).toBe(1)
  expect(stderr).toContain(
    `no longer connected to ${server.issuer}. To connect it again, run: countersign login ${server.issuer}`,
  )
})
