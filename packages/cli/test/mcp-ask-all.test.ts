import { describe, expect, it } from 'vitest'
import { createScriptedUser } from '../../server/test/scripted-user.js'
import { type BridgeClient, openClient } from './mcp/clients.js'
import { openNotes } from './mcp/notes-server.js'
import { pagesIn } from './mcp/open-protected.js'
import type { ServerEra } from './mcp/protected-server.js'
import { newAgent, openParties } from './own-agent.js'

const parties = openParties()

const tools = {
  hello: '',
  read: 'notes.read',
  write: 'notes.read notes.write',
  share: 'notes.share',
  remove: 'notes.delete',
}

async function open(era: ServerEra, flags: readonly string[] = ['--ask-all']): Promise<BridgeClient> {
  const { folder } = await newAgent([parties.authServer])
  const { url } = await openNotes(era, parties.authServer, tools)
  return openClient(era, { url, folder, flags, isProcess: true })
}

/** Calls a tool, and decides on the page that the call leads to. Resolves to the permissions on the page, and the call's result. */
async function decided(bridge: BridgeClient, tool: string, consent: 'grant' | 'deny') {
  const { length } = pagesIn(bridge.stderr())
  const call = bridge.call(tool)
  await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(length + 1)
  const url = pagesIn(bridge.stderr())[length] ?? ''
  const user = createScriptedUser(fetch)
  const person = { username: 'testuser', password: 'testpass', action: 'login' }
  await user.submit(await (await user.open(url)).text(), url, person)
  const page = await (await user.open(url)).text()
  const start = page.indexOf('It will be able to')
  const able = page.slice(start, page.indexOf('</section>', start))
  const response = await user.submit(page, url, { consent })
  void user.open(response.headers.get('location') ?? '').catch(() => undefined)
  return { asked: [...new Set(able.match(/notes\.\w+/g))].toSorted(), called: await call }
}

describe.each(['sessions', 'stateless'] as const)('countersign mcp --ask-all, with the era “%s”', (era) => {
  it('asks once for everything, and separately for what deletes', async () => {
    const bridge = await open(era)
    expect(await bridge.call('hello')).toEqual({ text: 'hello', isError: false })
    const first = await decided(bridge, 'read', 'grant')
    expect(first).toEqual({
      asked: ['notes.read', 'notes.share', 'notes.write'],
      called: { text: 'read', isError: false },
    })
    for (const tool of ['write', 'share', 'read'])
      expect(await bridge.call(tool)).toEqual({ text: tool, isError: false })
    expect(pagesIn(bridge.stderr())).toHaveLength(1)
    const removal = await decided(bridge, 'remove', 'grant')
    expect(removal.asked).toContain('notes.delete')
    expect(removal.called).toEqual({ text: 'remove', isError: false })
    // The user allowed the first call just this once.
    expect((await decided(bridge, 'remove', 'deny')).called.isError).toBe(true)
    expect(await bridge.call('write')).toEqual({ text: 'write', isError: false })
  })

  it('asks for each permission when it is needed after the user has denied all of them', async () => {
    const bridge = await open(era)
    const first = await decided(bridge, 'read', 'deny')
    expect(first.asked).toHaveLength(3)
    expect(first.called.isError).toBe(true)
    expect(await decided(bridge, 'read', 'grant')).toEqual({
      asked: ['notes.read'],
      called: { text: 'read', isError: false },
    })
    expect((await decided(bridge, 'share', 'deny')).called.isError).toBe(true)
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
  })
})

it('asks only for what a call needs without --ask-all', async () => {
  const bridge = await open('sessions', [])
  expect((await decided(bridge, 'read', 'grant')).asked).toEqual(['notes.read'])
})
