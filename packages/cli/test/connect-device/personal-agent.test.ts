import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { createScriptedUser, hiddenFields, signInToAccount } from '../../../server/test/scripted-user.js'
import { openParties } from '../own-agent.js'
import { type ProgramOptions, startProgram } from '../run-program.js'

const parties = openParties()

/** A device, and the browser in which its user is signed in. */
async function newLaptop() {
  const home = mkdtempSync(join(tmpdir(), 'countersign-laptop-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const start = (args: readonly string[], options: ProgramOptions = {}) =>
    startProgram(args, { ...options, env: { COUNTERSIGN_HOME: home } })
  const user = createScriptedUser(fetch)
  await signInToAccount(user, parties.authServer, { username: 'testuser', password: 'testpass' })
  const pageAt = async (url: string) => (await user.open(url)).text()
  const account = `${parties.authServer}/account`

  /** Chooses Yes on the page that connects a device, whose form the browser then posts to the device. */
  async function connect(url: string): Promise<string> {
    const returned = await user.submit(await pageAt(url), url, { action: 'connect-device', consent: 'grant' })
    const page = await returned.text()
    const callback = new URL(url).searchParams.get('redirect_uri') ?? ''
    expect(page).toContain(callback)
    const body = new URLSearchParams(hiddenFields(page, { state: '' }))
    return (await fetch(callback, { method: 'POST', headers: { origin: 'null' }, body })).text()
  }

  async function allow(url: string): Promise<void> {
    const decided = await user.submit(await pageAt(url), url, { consent: 'grant' })
    await fetch(decided.headers.get('location') ?? '')
  }

  const run = (args: readonly string[], person?: (url: string) => Promise<unknown>) =>
    start(args, person ? { person: (url) => void person(url) } : {}).finished
  return { run, start, user, account, pageAt, connect, allow }
}

it('acts for the user who connected it, without its own document, until that user disconnects it', async () => {
  const { run, user, account, pageAt, connect, allow } = await newLaptop()
  let landed = ''
  const login = await run(['login', parties.authServer, '--name', 'laptop-7'], async (url) => {
    landed = await connect(url)
  })
  expect(login).toMatchObject({ status: 0, stdout: expect.stringContaining('“laptop-7” to the account testuser') })
  await expect.poll(() => landed, { timeout: 30_000 }).toContain('data-state="allowed"')
  const protectedUrl = `${parties.api}/data-auth`
  const first = await run(['fetch', protectedUrl], allow)
  expect(first).toMatchObject({ status: 0 })
  expect(JSON.parse(first.stdout)).toMatchObject({ message: 'Access granted', agent: parties.authServer })
  expect(await run(['fetch', protectedUrl])).toMatchObject({ status: 0, stderr: '' })
  const status = await run(['status'])
  expect(status).toMatchObject({
    status: 0,
    stderr: '',
    stdout: expect.stringMatching(/“laptop-7” of the account testuser,\s+connected/),
  })

  const page = await pageAt(account)
  expect(page).toContain('laptop-7')
  const { device = '' } = hiddenFields(page, { action: 'disconnect-device', device: '' })
  await user.submit(page, account, { action: 'disconnect-device', device })
  await run(['agent', 'tokens', 'forget', '--all'])
  const refused = await run(['fetch', protectedUrl])
  expect(refused).toMatchObject({ status: 1, stdout: '' })
  expect(refused.stderr).toContain(`run: countersign login ${parties.authServer}`)
  expect(await run(['status'])).toMatchObject({ status: 1, stdout: expect.stringContaining('disconnected') })

  expect(await run(['login', parties.authServer, '--name', 'laptop-8'], connect)).toMatchObject({ status: 0 })
  expect(await run(['fetch', protectedUrl], allow)).toMatchObject({ status: 0 })
  expect(await run(['logout'])).toMatchObject({ status: 0 })
  expect(await pageAt(account)).not.toContain('laptop-8')
  expect(await run(['fetch', protectedUrl])).toMatchObject({ status: 2 })
})

it('is connected without a browser by a code that the user types into the terminal', async () => {
  const { start, user, pageAt } = await newLaptop()
  const keyboard = Object.assign(new PassThrough(), { isTTY: true })
  const running = start(['login', parties.authServer, '--remote', '--name', 'box'], {
    keyboard,
    person: () => undefined,
  })
  const url = (await running.seen(/\S+\/account\/devices\/code/))[0]
  const issued = await (await user.submit(await pageAt(url), url, { action: 'new-device-code' })).text()
  keyboard.write(`${/<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(issued)?.[1]?.toLowerCase()}\n`)
  const [, number = ''] = await running.seen(/number is (\d+)/)
  const claimed = await (await user.submit(issued, url, { action: 'check-device-code' })).text()
  expect(claimed).toContain(number)
  await user.submit(claimed, url, { action: 'confirm-device', consent: 'grant' })
  const { status, stdout } = await running.finished
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/“box” to the account testuser[\s\S]* until 20/),
  })
})
