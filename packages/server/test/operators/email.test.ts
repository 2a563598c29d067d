import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { openMailServer, openRawServer } from '../outbound/smtp/mail-server.js'
import { createScriptedUser } from '../scripted-user.js'
import { createOperatorStage, type OperatorStage } from './operator-stage.js'

const from = 'accounts@auth.example'

/** Adds users with confirmed addresses, whose name is part of them. */
async function addUsers({ database }: OperatorStage, names: readonly string[]): Promise<void> {
  const storage = sqliteStorage(database, { sweepInterval: 0 })
  for (const username of names) {
    const email = `${username}@home.example`
    const { id: userId } = await storage.createUser({ username, passwordHash: 'hash', email })
    await storage.confirmEmail({ userId, email, language: 'en' })
  }
  await storage.close()
}

it('sends a link for a forgotten password through the configured mail server, in the language of the page', async () => {
  const { port, received } = await openMailServer()
  const email = { from, host: '127.0.0.1', port, security: 'none' }
  const stage = await createOperatorStage({ name: 'Home Accounts', email })
  const { origin, said, stop } = await stage.serve()
  await addUsers(stage, ['alice'])
  const alice = createScriptedUser(globalThis.fetch)
  const url = `${origin}/account/forgot`
  const page = await (await alice.open(url, { 'accept-language': 'ar' })).text()
  const accept = { 'accept-language': 'ar' }
  const csrf = /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? ''
  const body = new URLSearchParams({ csrf, username: 'Alice' })
  const requested = await alice.send(new Request(url, { method: 'POST', headers: { ...accept, origin }, body }))
  expect(requested.headers.get('location')).toBe('/account/link-sent')
  await expect.poll(() => received, { timeout: 30_000 }).toHaveLength(1)
  const [mail] = received
  expect(mail).toMatchObject({ from, to: ['alice@home.example'] })
  expect(mail?.headers.get('from')).toBe(`Home Accounts <${from}>`)
  expect(mail?.parts.get('text/html')).toContain('<html lang="ar" dir="rtl">')
  const [link = ''] = /http:\S+/.exec(mail?.parts.get('text/plain') ?? '') ?? []
  const opened = await alice.open(link)
  const form = await (await alice.open(`${origin}${opened.headers.get('location')}`)).text()
  const done = await alice.submit(form, origin, { new_password: 'another long password' })
  expect(done.status).toBe(303)
  await stop()
  const { stdout, stderr } = said()
  expect(stdout).toContain('"/account/link"')
  expect(stdout + stderr).not.toMatch(/aalk_|home\.example/)
})

it('two instances send each email once', async () => {
  const { port, received } = await openMailServer()
  const stage = await createOperatorStage({ email: { from, host: '127.0.0.1', port, security: 'none' } })
  await stage.serve()
  const names = Array.from({ length: 30 }, (_, index) => `user-${index}x`)
  await addUsers(stage, names)
  const storage = sqliteStorage(stage.database, { sweepInterval: 0 })
  await stage.serve({ port: await freePort() })
  for (const username of names) await storage.queueEmail({ kind: 'reset', username, language: 'en' })
  const event = 'email.sent'
  await expect.poll(() => storage.listEvents({ event }), { timeout: 30_000 }).toHaveLength(names.length)
  expect(received.map(({ to }) => to[0]).toSorted()).toEqual(names.map((name) => `${name}@home.example`).toSorted())
  expect(await storage.findViolations()).toEqual([])
  await storage.close()
})

it('a mail server that refuses connections delays no response, and is reported in the log', async () => {
  const stage = await createOperatorStage({ email: { from, host: '127.0.0.1', port: 1, security: 'none' } })
  const { origin, said } = await stage.serve()
  await addUsers(stage, ['alice'])
  const alice = createScriptedUser(globalThis.fetch)
  const page = await (await alice.open(`${origin}/account/forgot`)).text()
  expect((await alice.submit(page, origin, { username: 'alice' })).status).toBe(303)
  const reported = () => `${said().stdout}${said().stderr}`
  await expect.poll(reported, { timeout: 30_000 }).toContain('an email (reset, attempt 1) was not sent: retry, ESOCKET')
})

it('after it was killed while it sent an email, reports that the email may have been sent, and does not send it again', async () => {
  const messages: string[] = []
  const port = await openRawServer((socket) => {
    socket.write('220 mail.example\r\n')
    let data: string | undefined
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      if (data !== undefined) {
        data += text
        if (data.endsWith('\r\n.\r\n')) messages.push(data)
      } else if (text.startsWith('DATA')) {
        data = ''
        socket.write('354 go on\r\n')
      } else socket.write('250 ok\r\n')
    })
  })
  const stage = await createOperatorStage({ email: { from, host: '127.0.0.1', port, security: 'none' } })
  const { child, finished } = await stage.spawnServe()
  await addUsers(stage, ['alice'])
  let now = Math.floor(Date.now() / 1000)
  const storage = sqliteStorage(stage.database, { sweepInterval: 0, now: () => now })
  await storage.queueEmail({ kind: 'reset', username: 'alice', language: 'en' })
  await expect.poll(() => messages, { timeout: 30_000 }).toHaveLength(1)
  child.kill('SIGKILL')
  await finished
  now += 600
  expect(await storage.claimEmails({ limit: 10, lease: 60, perAddress: 5 })).toEqual([])
  const data = { outcome: 'unknown', reason: 'interrupted', attempts: 1 }
  expect(await storage.listEvents({ event: 'email.unsent' })).toMatchObject([{ data }])
  await storage.close()
})
