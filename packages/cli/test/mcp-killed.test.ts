import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'
import { openClient } from './mcp/clients.js'
import { type BridgeEras, eras, type OpenOptions, openProtected, pagesIn } from './mcp/open-protected.js'
import { protectServer } from './mcp/protected-server.js'
import { openParties } from './own-agent.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()
const open = (which: BridgeEras, options?: OpenOptions) => openProtected(parties.authServer, which, options)

/** What a browser gets there: the page of the agent, or that nobody answers. */
const reload = (back: string) =>
  fetch(back).then(
    async (response) => /data-state="(\w+)"/.exec(await response.text())?.[1],
    () => 'nobody',
  )

async function killed(bridge: Awaited<ReturnType<typeof openClient>>): Promise<void> {
  process.kill(bridge.pid() ?? 0, 'SIGKILL')
  await bridge.close()
}

describe('a decision that no bridge hears', () => {
  it.each(eras)('after a restart the same page is gone on with, and its end is reloaded (%s)', async (client) => {
    const flags = ['--patience', '0.5']
    const { bridge, given } = await open({ client, server: 'stateless' }, { flags, isProcess: true })
    await bridge.call('read')
    const page = await bridge.pageOnStderr()
    await killed(bridge)
    const back = await decideAs(createScriptedUser(fetch), page, 'grant')
    expect(await reload(back)).toBe('nobody')
    // The bridge that asked counts as alive for some seconds.
    await setTimeout(9000)
    const next = await openClient(client, given)
    await next.tools()
    const waiting = await next.call('read')
    expect(waiting).toEqual({ text: expect.stringContaining('reload it there'), isError: true })
    expect(await next.pageOnStderr(), 'nobody is asked twice').toBe(page)
    expect(await reload(back)).toBe('allowed')
    expect(await next.call('read')).toEqual({ text: 'read', isError: false })
    expect(pagesIn(next.stderr())).toEqual([page])
  })

  it.each(['first', 'second'] as const)(
    'of two bridges to one server, the %s ends: the other hears it',
    async (which) => {
      const flags = ['--patience', '0.5']
      const { bridge: first, given } = await open(
        { client: 'sessions', server: 'sessions' },
        { flags, isProcess: true },
      )
      const second = await openClient('sessions', given)
      const [asks, stays] = which === 'first' ? [first, second] : [second, first]
      await asks.call('read')
      const page = await asks.pageOnStderr()
      await killed(asks)
      const back = await decideAs(createScriptedUser(fetch), page, 'grant')
      await setTimeout(9000)
      if (which === 'second') {
        // The port of the second is known to nobody before.
        await stays.call('read')
        expect(await stays.pageOnStderr()).toBe(page)
      }
      await expect.poll(() => reload(back)).toBe('allowed')
      expect(await stays.call('read')).toEqual({ text: 'read', isError: false })
    },
  )

  it('a page that another command had shown leads to no bridge: its end is given to “tokens add”', async () => {
    const { bridge, agent, given } = await open({ client: 'sessions', server: 'sessions' })
    const read = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read', arguments: {} } }
    const fetched = await agent.run(['fetch', '--no-consent', '--json', JSON.stringify(read), given.url])
    const call = bridge.call('read')
    const page = await bridge.pageOnStderr()
    expect(fetched.stderr).toContain(page)
    expect(bridge.stderr()).toContain('give the address where your browser ends to “countersign tokens add”')
    const back = await decideAs(createScriptedUser(fetch), page, 'grant')
    expect(await agent.run(['tokens', 'add', back])).toMatchObject({ status: 0 })
    expect(await call).toEqual({ text: 'read', isError: false })
  })

  it('a code that somebody made up for a pending consent takes nothing away', async () => {
    const { bridge } = await open({ client: 'sessions', server: 'sessions' })
    const call = bridge.call('read')
    const back = await decideAs(createScriptedUser(fetch), await bridge.pageOnStderr(), 'grant')
    const junk = new URL(back)
    junk.searchParams.set('code', 'junk')
    expect(await reload(junk.href)).toBe('failed')
    expect(await reload(back)).toBe('allowed')
    expect(await call).toEqual({ text: 'read', isError: false })
  })
})

describe('two bridges of one agent of this machine', () => {
  it('are there at once, each with its consent; when one ends, the other publishes the agent', async () => {
    const { authServer } = parties
    const pair = { client: 'sessions', server: 'sessions' } as const
    const { bridge: first, agent } = await open(pair, { isProcess: true })
    const { url } = await protectServer(pair.server, { authServer, everything: false })
    const second = await openClient(pair.client, { url, folder: agent.folder, isProcess: true })
    for (const bridge of [first, second]) {
      const call = bridge.call('read')
      decidesAt('grant').decide(await bridge.pageOnStderr())
      expect(await call).toEqual({ text: 'read', isError: false })
    }
    process.kill(first.pid() ?? 0, 'SIGKILL')
    const published = () => fetch(`${agent.id}/jwks.json`).then(({ status }) => status, String)
    await expect.poll(published).toBe(200)
    const write = second.call('write')
    await expect.poll(() => pagesIn(second.stderr())).toHaveLength(2)
    decidesAt('grant').decide(pagesIn(second.stderr())[1] ?? '')
    expect(await write).toEqual({ text: 'write', isError: false })
  })
})
