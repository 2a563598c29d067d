import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'
import { type BridgeClient, openClient } from './mcp/clients.js'
import { type BridgeEras, eras, type OpenOptions, openProtected, pagesIn } from './mcp/open-protected.js'
import { protectServer } from './mcp/protected-server.js'
import { openParties } from './own-agent.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()
const open = (which: BridgeEras, options?: OpenOptions) => openProtected(parties.authServer, which, options)

/** What a browser receives there: the state of the agent's page, or `unreachable`. */
const reload = (back: string) =>
  fetch(back).then(
    async (response) => /data-state="(\w+)"/.exec(await response.text())?.[1],
    () => 'unreachable',
  )

async function killed(bridge: BridgeClient): Promise<void> {
  bridge.kill()
  await bridge.close()
}

/** Number of kills at random moments: 200 in `npm run test:long`. */
const kills = process.env.LONG_TESTS ? 200 : 2

/** The page that a bridge shows for a call. */
async function pageShownBy(bridge: BridgeClient): Promise<string> {
  const before = pagesIn(bridge.stderr()).length
  await bridge.call('read')
  await expect.poll(() => pagesIn(bridge.stderr()).length).toBeGreaterThan(before)
  return pagesIn(bridge.stderr()).at(-1) ?? ''
}

describe('a bridge that is killed', () => {
  it.each(eras)('shows the same page after a restart, and the reloaded callback succeeds (%s)', async (client) => {
    const flags = ['--patience', '0.5']
    const { bridge, given } = await open({ client, server: 'stateless' }, { flags, isProcess: true })
    await bridge.call('read')
    const page = await bridge.pageOnStderr()
    await killed(bridge)
    const back = await decideAs(createScriptedUser(fetch), page, 'grant')
    expect(await reload(back)).toBe('unreachable')
    const next = await openClient(client, given)
    await next.tools()
    const waiting = await next.call('read')
    expect(waiting).toEqual({ text: expect.stringContaining('reload that page'), isError: true })
    expect(await next.pageOnStderr(), 'the user is not asked twice').toBe(page)
    expect(await reload(back)).toBe('allowed')
    expect(await next.call('read')).toEqual({ text: 'read', isError: false })
    expect(pagesIn(next.stderr())).toEqual([page])
  })

  it.each(['first', 'second'] as const)(
    'if the %s of two bridges of one agent is killed, the other receives the decision, and shows no additional page',
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
      await expect.poll(() => reload(back)).toBe('allowed')
      expect(await stays.call('read')).toEqual({ text: 'read', isError: false })
      expect(pagesIn(stays.stderr())).toEqual([])
    },
  )

  it(`loses no decision if another one is running, when killed ${kills} times while it has the port`, {
    timeout: 3_600_000,
  }, async () => {
    const flags = ['--patience', '0.2']
    const { bridge, agent, given } = await open({ client: 'sessions', server: 'sessions' }, { flags, isProcess: true })
    let holder = bridge
    let repeated = 0
    const takeovers: number[] = []
    for (let turn = 0; turn < kills; turn += 1) {
      const next = await openClient('sessions', given)
      const back = await decideAs(createScriptedUser(fetch), await pageShownBy(holder), 'grant')
      // Before the browser returns, or while the code is exchanged.
      const ended = setTimeout(Math.random() * 60).then(() => killed(holder))
      let state = await reload(back)
      await ended
      const killedAt = performance.now()
      for (let tries = 0; tries < 1000 && (state === undefined || state === 'unreachable'); tries += 1) {
        await setTimeout(10)
        state = await reload(back)
        if (state !== 'unreachable') takeovers.push(performance.now() - killedAt)
      }
      const response = await next.call('read')
      if (response.isError) {
        // The auth server issued a token for the code, but the bridge was killed before it could store it.
        const isShown = response.text.startsWith('Waiting for your consent')
        if (isShown) expect(state, 'of the code').toBe('failed')
        else expect(response.text).toContain('invalid_grant')
        repeated += 1
        const page = isShown ? await next.pageOnStderr() : await pageShownBy(next)
        await reload(await decideAs(createScriptedUser(fetch), page, 'grant'))
        expect(await next.call('read')).toEqual({ text: 'read', isError: false })
      }
      await agent.run(['agent', 'tokens', 'forget', '--all'])
      holder = next
    }
    const sorted = takeovers.toSorted((one, other) => one - other)
    const [median = 0, most = 0] = [sorted[sorted.length >> 1], sorted.at(-1)].map((time = 0) => Math.round(time))
    if (process.env.LONG_TESTS)
      process.stdout.write(
        `${kills} kills, ${repeated} between the auth server and the disk; ${takeovers.length} takeovers of the port, ${median} ms (median), ${most} ms at most\n`,
      )
  })
})

describe('a pending consent of a bridge', () => {
  it('has its own page if another command has shown one: the user may decide on either', async () => {
    const { bridge, agent, given } = await open({ client: 'sessions', server: 'sessions' })
    const read = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read', arguments: {} } }
    const fetched = await agent.run(['fetch', '--no-consent', '--json', JSON.stringify(read), given.url])
    const call = bridge.call('read')
    const page = await bridge.pageOnStderr()
    const [shown = ''] = /https?:\/\/\S+request_token=\S+/.exec(fetched.stderr) ?? []
    expect(shown).not.toBe(page)
    const back = await decideAs(createScriptedUser(fetch), shown, 'grant')
    expect(await agent.run(['agent', 'tokens', 'add', back])).toMatchObject({ status: 0 })
    expect(await call).toEqual({ text: 'read', isError: false })
  })

  it('is not ended by a forged code', async () => {
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

describe('two bridges of one agent on this machine', () => {
  it('run at the same time, each with its own consent; when one exits, the other publishes the agent', async () => {
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
    first.kill()
    const published = () => fetch(`${agent.id}/jwks.json`).then(({ status }) => status, String)
    await expect.poll(published).toBe(200)
    const write = second.call('write')
    await expect.poll(() => pagesIn(second.stderr())).toHaveLength(2)
    const back = await decideAs(createScriptedUser(fetch), pagesIn(second.stderr())[1] ?? '', 'grant')
    await expect.poll(() => reload(back)).toBe('allowed')
    expect(await write).toEqual({ text: 'write', isError: false })
  })
})
