import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSigner } from 'countersign'
import { createAgent } from 'countersign/agent'
import { describe, expect, it } from 'vitest'
import { holdClock } from '../../../test/hold-clock.js'
import { openClient } from './mcp/clients.js'
import { openNotes } from './mcp/notes-server.js'
import type { ServerEra } from './mcp/protected-server.js'
import { openRuleServer } from './mcp/rule-server.js'
import { newAgent, openParties } from './own-agent.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()

const eras: readonly ServerEra[] = ['sessions', 'stateless']
const pairs: readonly { client: ServerEra; server: ServerEra }[] = [
  { client: 'sessions', server: 'sessions' },
  { client: 'sessions', server: 'stateless' },
  { client: 'stateless', server: 'stateless' },
]

const pagesIn = (stderr: string) => [...stderr.matchAll(/Decide here: (\S+)/g)].map(([, page = '']) => page)

const keyOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'key-1.json'), 'utf8'))

describe.each(pairs)(
  'countersign mcp on protectMcp, a client of the era “$client” on a server of “$server”',
  (pair) => {
    it('requests the scope of each tool when it is called; the existing session continues', async () => {
      const { authServer } = parties
      const { folder } = await newAgent([authServer])
      const notes = await openNotes(pair.server, authServer)
      const bridge = await openClient(pair.client, { url: notes.url, folder })
      expect(await bridge.tools()).toEqual(['hello', 'count', 'read', 'write'])
      expect(await bridge.call('count')).toEqual({ text: 'count 1', isError: false })
      for (const [at, tool] of ['read', 'write'].entries()) {
        const call = bridge.call(tool)
        await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(at + 1)
        decidesAt('grant').decide(pagesIn(bridge.stderr())[at] ?? '')
        expect(await call).toEqual({ text: tool, isError: false })
      }
      expect(await bridge.call('count')).toEqual({ text: 'count 2', isError: false })
      await expect.poll(notes.sessions).toBe(pair.server === 'sessions' ? 1 : 0)
    })

    it('lets the user deny one tool and allow another that needs less', async () => {
      const { authServer } = parties
      const { folder } = await newAgent([authServer])
      const notes = await openNotes(pair.server, authServer)
      const bridge = await openClient(pair.client, { url: notes.url, folder })
      for (const [tool, decision] of [
        ['write', 'deny'],
        ['read', 'grant'],
      ] as const) {
        const pages = pagesIn(bridge.stderr()).length
        const call = bridge.call(tool)
        await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(pages + 1)
        decidesAt(decision).decide(pagesIn(bridge.stderr())[pages] ?? '')
        expect(await call).toMatchObject({ isError: decision === 'deny' })
      }
    })
  },
)

describe.each(eras)('a token that expires during a session, for a client of the era “%s”', (client) => {
  it.each([
    ['that can be refreshed', true],
    ['that a rule issues again', false],
  ])('%s: the session continues, no one is prompted, and server notifications arrive', async (_what, isRefreshed) => {
    const clock = holdClock()
    const { folder } = await newAgent([])
    const { d: _private, ...jwk } = keyOf(folder)
    const rules = await openRuleServer({ lifetime: 40, isRefreshed, jwk })
    const notes = await openNotes(client, rules.id)
    const bridge = await openClient(client, { url: notes.url, folder, flags: ['--auth-server', rules.id] })
    expect(await bridge.call('count')).toEqual({ text: 'count 1', isError: false })
    if (client === 'stateless' && 'listen' in bridge.client) await bridge.client.listen({ toolsListChanged: true })
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
    clock.pass(41)
    expect(await bridge.call('count')).toEqual({ text: 'count 2', isError: false })
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
    await expect.poll(notes.sessions).toBe(client === 'sessions' ? 1 : 0)
    expect(new Set(rules.given)).toEqual(new Set(['notes.read']))
    expect(rules.given.length).toBeGreaterThan(1)
    expect(bridge.stderr()).not.toContain('Decide here')
    bridge.heard.length = 0
    await expect.poll(() => bridge.heard.length > 0 || notes.toolsChanged()).toBe(true)
    expect(bridge.heard).toContain('notifications/tools/list_changed')
  })
})

it('another agent cannot use a session of the bridge', async () => {
  const { folder } = await newAgent([])
  const { d: _private, ...jwk } = keyOf(folder)
  const rules = await openRuleServer({ lifetime: 600, isRefreshed: false, jwk })
  const notes = await openNotes('sessions', rules.id)
  const bridge = await openClient('sessions', { url: notes.url, folder, flags: ['--auth-server', rules.id] })
  expect(await bridge.call('count')).toEqual({ text: 'count 1', isError: false })
  const other = await newAgent([])
  const running = other.start(['mcp', notes.url])
  const published = () => fetch(`${other.id}/jwks.json`).then(({ status }) => status, String)
  await expect.poll(published).toBe(200)
  const thief = createAgent({
    id: other.id,
    signer: await createSigner(keyOf(other.folder)),
    authServers: [],
    redirectUri: 'http://127.0.0.1:50000/callback',
    allowInsecureLoopback: true,
  })
  const response = await thief.fetch(notes.url, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-session-id': notes.lastSession() ?? '',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'count' } }),
  })
  expect(response.status).toBe(404)
  await running.stop()
  expect(await bridge.call('count')).toEqual({ text: 'count 2', isError: false })
})
