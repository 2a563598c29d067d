import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hiddenFields } from '../../../server/test/scripted-user.js'
import { openClient } from '../mcp/clients.js'
import { pagesIn } from '../mcp/open-protected.js'
import { protectServer } from '../mcp/protected-server.js'
import { startCommand } from '../run-command.js'
import type { RunningProgram } from '../run-program.js'
import { type Device, editions, newDevice, openDeviceParties } from './device-parties.js'

const parties = openDeviceParties()

const plain = (text: string) => text.replaceAll(/\s+/g, ' ')

const sidecarFor = (url: string) => ['sidecar', '--allow-host', new URL(url).host, '--port', '0']

/** Waits until a sidecar listens. Returns a function that requests a URL through it. */
async function throughSidecar({ seen }: Pick<RunningProgram, 'seen'>, { home }: Device) {
  const [, sidecar] = await seen(/^(http:\/\/127\.0\.0\.1:\d+)\n/)
  const secret = readFileSync(join(home, 'sidecar-secret'), 'utf8').trim()
  const authorization = `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`
  return async (url: string) => fetch(`${sidecar}/${url}`, { headers: { authorization } })
}

describe.each(['january', 'draft-11'] as const)('a personal agent in the edition %s', (name) => {
  const { edition, flags } = editions[name]

  async function openSidecar(device: Device) {
    const url = `${parties.apis[name]}/data`
    const running = device.start(sidecarFor(url), { person: (page) => void device.allow(page) })
    const request = await throughSidecar(running, device)
    return { running, call: async () => request(url) }
  }

  it('fetches, until its owner disconnects it', async () => {
    const { run, login, allow, user } = await newDevice(parties)
    await login(...flags)
    const url = `${parties.apis[name]}/data`
    const first = await run(['fetch', url], allow)
    expect(first).toMatchObject({ status: 0, stdout: '{"scope":["data.read"]}' })
    expect(await run(['fetch', url])).toMatchObject({ status: 0, stderr: '' })
    expect(await run(['status'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/account ada,\s+connected/),
    })
    const account = `${parties.authServer}/account`
    const page = await (await user.open(account)).text()
    const { device = '' } = hiddenFields(page, { action: 'disconnect-device', device: '' })
    await user.submit(page, account, { action: 'disconnect-device', device })
    await run(['agent', 'tokens', 'forget', '--all'])
    const refused = await run(['fetch', url])
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(plain(refused.stderr)).toContain(`run: countersign login ${parties.authServer}`)
  })

  it('bridges MCP', async () => {
    const { home, login, allow } = await newDevice(parties)
    await login(...flags)
    const server = await protectServer('sessions', { authServer: parties.authServer, edition })
    const bridge = await openClient('sessions', { url: server.url, folder: home })
    const call = bridge.call('read')
    let isDone = false
    const done = () => {
      isDone = true
    }
    call.then(done, done)
    for (let decided = 0; !isDone; await new Promise((resolve) => setImmediate(resolve))) {
      const page = pagesIn(bridge.stderr())[decided]
      if (page === undefined) continue
      decided += 1
      await allow(page)
    }
    expect(await call).toEqual({ text: 'read', isError: false })
  })

  it('runs the sidecar', async () => {
    const device = await newDevice(parties)
    await device.login(...flags)
    const { running, call } = await openSidecar(device)
    const response = await call()
    expect([response.status, await response.text()]).toEqual([200, '{"scope":["data.read"]}'])
    await running.stop('SIGINT')
  })

  it('D13: leaves nothing behind if it logs out while another command runs', async () => {
    const device = await newDevice(parties)
    const { home, run } = device
    await device.login(...flags)
    const { running, call } = await openSidecar(device)
    expect((await call()).status).toBe(200)
    const [calls, ended] = await Promise.all([Promise.all([call(), call(), call()]), run(['logout'])])
    expect(ended).toMatchObject({ status: 0 })
    expect(calls.map(({ status }) => status).every((status) => [200, 401, 403, 502].includes(status))).toBe(true)
    expect((await call()).status, 'the device is disconnected').toBe(502)
    await running.stop('SIGINT')
    expect(readdirSync(join(home, 'logins'))).toEqual([])
    expect(await run(['fetch', `${parties.apis[name]}/data`])).toMatchObject({ status: 2 })
  })
})

describe.each(['january', 'draft-11'] as const)('a command that is killed, in the edition %s', (name) => {
  const { flags } = editions[name]

  it('while it logs in leaves only a device, which its owner can disconnect', async () => {
    const { home, user, run, connect, login, allow } = await newDevice(parties)
    const args = ['login', parties.authServer, '--name', 'killed-1', ...flags]
    const command = startCommand(args, { COUNTERSIGN_HOME: home })
    onTestFinished(() => {
      parties.onConnected = async () => undefined
    })
    parties.onConnected = async () => {
      parties.onConnected = async () => undefined
      command.child.kill('SIGKILL')
      await command.finished
    }
    const [url] = await command.seen(/\S+\/account\/devices\/connect\S+/)
    await connect(url).catch(() => undefined)
    await command.finished
    expect(existsSync(join(home, 'logins'))).toBe(false)
    expect(await (await user.open(`${parties.authServer}/account`)).text()).toContain('killed-1')
    await login(...flags)
    expect(await run(['fetch', `${parties.apis[name]}/data`], allow)).toMatchObject({ status: 0 })
  })

  it('while its user decides does not prevent the next one', async () => {
    const device = await newDevice(parties)
    const { home, run, login, allow } = device
    await login(...flags)
    const url = `${parties.apis[name]}/data`
    const command = startCommand(sidecarFor(url), { COUNTERSIGN_HOME: home })
    const request = await throughSidecar(command, device)
    await request(url)
    command.child.kill('SIGKILL')
    await command.finished
    expect(await run(['fetch', url], allow)).toMatchObject({ status: 0 })
  })
})

describe('login --edition', () => {
  it('is kept, until the device logs out', async () => {
    const { run, login, connect } = await newDevice(parties)
    await login('--edition', 'draft-11')
    const other = await run(['login', parties.authServer, '--edition', 'january'], connect)
    expect(other.status).toBe(2)
    expect(plain(other.stderr)).toContain('connected with the edition draft-11: run countersign logout')
    expect(await run(['login', parties.authServer])).toMatchObject({ status: 0 })
    await run(['logout'])
    await login('--edition', 'january')
  })

  it('is refused for an auth server whose URL the edition does not allow', async () => {
    const { run } = await newDevice(parties)
    const ended = await run(['login', 'https://auth.example/path', '--edition', 'draft-11'])
    expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('has no path') })
  })
})
