import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { createScriptedUser, decideAs } from '../../server/test/scripted-user.js'
import { openClient, versionOf } from './mcp/clients.js'
import { tools } from './mcp/offered.js'
import { type BridgeEras, eras, type OpenOptions, openProtected, pagesIn } from './mcp/open-protected.js'
import { protectServer, type ServerEra } from './mcp/protected-server.js'
import { newAgent, openParties } from './own-agent.js'
import { startCommand } from './run-command.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()

/** A client of 2026-07-28 is only served by servers of its own era. */
const pairs: readonly { client: ServerEra; server: ServerEra }[] = [
  { client: 'sessions', server: 'sessions' },
  { client: 'sessions', server: 'stateless' },
  { client: 'stateless', server: 'stateless' },
]

const open = (which: BridgeEras, options?: OpenOptions) => openProtected(parties.authServer, which, options)

describe.each(pairs)('a client of the era “$client” on a server of the era “$server”', (pair) => {
  it('uses its tools, resources, prompts and completions', async () => {
    const { bridge, server } = await open(pair, { isProcess: true })
    expect(await bridge.tools()).toEqual(tools.map(({ name }) => name))
    expect(await bridge.call('hello', { name: 'Ada' })).toEqual({ text: 'hello Ada', isError: false })
    const { client } = bridge
    expect((await client.listResources()).resources).toMatchObject([{ uri: 'note://one' }])
    expect((await client.readResource({ uri: 'note://one' })).contents).toMatchObject([{ text: 'a note' }])
    expect((await client.getPrompt({ name: 'greet', arguments: { who: 'Ada' } })).messages).toHaveLength(1)
    const ref = { type: 'ref/prompt', name: 'greet' } as const
    const { completion } = await client.complete({ ref, argument: { name: 'who', value: 'A' } })
    expect(completion.values).toEqual(['Ada'])
    expect(client.getInstructions()).toBe('Be kind.')
    expect(client.getServerVersion()).toMatchObject({ name: 'notes' })
    expect(server.asked).toContain('tools/call hello')
  })

  it('receives progress, and cancels calls that take too long', async () => {
    const { bridge, server } = await open(pair)
    const heard: unknown[] = []
    const onprogress = ({ message }: { message?: string | undefined }) => void heard.push(message)
    expect(await bridge.call('slow', {}, { onprogress })).toEqual({ text: 'done', isError: false })
    expect(heard).toEqual([`${new URL(server.url).host}: half`])
    const abort = new AbortController()
    const endless = bridge.call('endless', {}, { signal: abort.signal })
    await expect.poll(() => server.asked).toContain('tools/call endless')
    abort.abort()
    await expect(endless).rejects.toThrow()
    await expect.poll(() => server.givenUp).toEqual(['endless'])
  })

  it('M09: receives the server’s requests to the user, attributed to the server; the bridge opens no page for them', async () => {
    const { bridge, server } = await open(pair, {
      shows: 'pages and forms',
      person: ({ mode }) => (mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada' } }),
    })
    const { host } = new URL(server.url)
    expect(await bridge.call('ask')).toEqual({ text: 'accept Ada', isError: false })
    expect(bridge.shown).toMatchObject([{ message: `${host} asks: What is your name?` }])
    await bridge.call('page').catch((error: unknown) => error)
    expect(bridge.stderr()).not.toContain('evil.example')
  })
})

describe('a client of 2026-07-28 on a server with sessions', () => {
  const sessions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']

  it('receives the supported versions if it supports no other', async () => {
    const refused = open({ client: 'stateless', server: 'sessions' })
    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ does not support MCP 2026-07-28\. Connect again with initialize/,
      ),
      data: { supported: sessions, requested: '2026-07-28' },
    })
  })

  it('falls back to initialize if it supports both eras, and works', async () => {
    const { bridge, server } = await open(
      { client: 'both', server: 'sessions' },
      { shows: 'forms', person: () => ({ action: 'accept', content: { name: 'Ada' } }) },
    )
    expect(versionOf(bridge)).toBe('2025-11-25')
    expect(await bridge.tools()).toEqual(tools.map(({ name }) => name))
    expect(await bridge.call('ask')).toEqual({ text: 'accept Ada', isError: false })
    const call = bridge.call('read')
    decidesAt('grant').decide(await bridge.pageOnStderr())
    expect(await call).toEqual({ text: 'read', isError: false })
    await expect
      .poll(() => {
        server.toolsChanged()
        return bridge.heard
      })
      .toContain('notifications/tools/list_changed')
  })

  it('does not fall back on a server of its era', async () => {
    const { bridge } = await open({ client: 'both', server: 'stateless' })
    expect(versionOf(bridge)).toBe('2026-07-28')
    expect(await bridge.call('hello')).toEqual({ text: 'hello', isError: false })
  })

  it('falls back after a restart if the server reveals its versions only after consent', async () => {
    const { bridge, given } = await open({ client: 'both', server: 'sessions' }, { everything: true })
    expect(await bridge.tools()).toEqual(['connect'])
    const connect = bridge.call('connect')
    decidesAt('grant').decide(await bridge.pageOnStderr())
    await expect(connect).rejects.toThrow('Connect again with initialize')
    await bridge.close()
    const next = await openClient('both', given)
    expect(versionOf(next)).toBe('2025-11-25')
    expect(await next.call('hello')).toEqual({ text: 'hello', isError: false })
  })
})

describe.each(pairs)('deprecated features, “$client” on “$server”', (pair) => {
  it('work if both sides support them: roots, sampling and log messages', async () => {
    const { bridge } = await open(pair)
    expect(await bridge.call('client')).toEqual({ text: 'file:///home/ada thinker', isError: false })
    const { client } = bridge
    if (pair.client === 'sessions') await client.setLoggingLevel('debug')
    expect(await bridge.call('log')).toMatchObject({ isError: false })
    expect(bridge.heard).toContain('logged')
  })

  it('work even if the server does not associate them with the call', async () => {
    const { bridge } = await open(pair)
    if (pair.client === 'sessions') await bridge.client.setLoggingLevel('debug')
    expect(await bridge.call('aside')).toEqual({ text: 'file:///home/ada thinker', isError: false })
    await expect.poll(() => bridge.heard).toContain('logged aside')
  })
})

describe.each(pairs)('changes, “$client” on “$server”', (pair) => {
  it('are reported: lists, and subscribed resources', async () => {
    const { bridge, server } = await open(pair)
    const { client } = bridge
    if ('listen' in client && pair.client === 'stateless') {
      const { honoredFilter } = await client.listen({ toolsListChanged: true, resourceSubscriptions: ['note://one'] })
      expect(honoredFilter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['note://one'] })
    } else await client.subscribeResource({ uri: 'note://one' })
    await expect
      .poll(() => {
        server.toolsChanged()
        server.resourceChanged()
        return new Set(bridge.heard)
      })
      .toEqual(new Set(['notifications/tools/list_changed', 'notifications/resources/updated']))
  })

  it('opens a new session if the server lost it', async () => {
    const { bridge, server } = await open(pair)
    expect(await bridge.call('hello')).toMatchObject({ isError: false })
    server.restart()
    const answers = await Promise.all(Array.from({ length: 5 }, () => bridge.call('hello')))
    expect(answers).toEqual(answers.map(() => ({ text: 'hello', isError: false })))
  })
})

describe.each(pairs)('consent, “$client” on “$server”', (pair) => {
  it('is requested on standard error if the client cannot show a page; the call waits', async () => {
    const { bridge } = await open(pair)
    const call = bridge.call('read')
    const person = decidesAt('grant')
    const page = await bridge.pageOnStderr()
    const [port] = /(?<=127\.0\.0\.1:)\d+/.exec(new URL(page).searchParams.get('redirect_uri') ?? '') ?? []
    const [hint = ''] = bridge.stderr().split(page)
    expect(hint, 'above the page').toContain('countersign agent tokens add')
    expect(hint).toContain(`\n  ssh -N -L ${port}:127.0.0.1:${port} <this computer>\n`)
    person.decide(page)
    expect(await call).toEqual({ text: 'read', isError: false })
    expect(await person.page()).toContain('data-state="allowed"')
  })

  it('is requested through the client if it can show a page; nothing is written to standard error', async () => {
    const person = decidesAt('grant')
    const { bridge } = await open(pair, {
      isProcess: true,
      shows: 'pages and forms',
      person({ url = '' }) {
        person.decide(url)
        return { action: 'accept' }
      },
    })
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
    const { host } = new URL(parties.authServer)
    expect(bridge.shown).toMatchObject([{ mode: 'url', message: expect.stringContaining(`Decide at ${host}.`) }])
    expect(bridge.shown[0]?.message).toMatch(/^Countersign: /)
    expect(bridge.stderr()).toBe('')
  })

  it('can be denied: the call reports it, and a call that needs less starts a new flow', async () => {
    const { bridge } = await open(pair)
    const call = bridge.call('write')
    const first = await bridge.pageOnStderr()
    decidesAt('deny').decide(first)
    expect(await call).toEqual({ text: expect.stringContaining('Denied'), isError: true })
    const again = bridge.call('read')
    await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(2)
    decidesAt('grant').decide(pagesIn(bridge.stderr())[1] ?? '')
    expect(await again).toEqual({ text: 'read', isError: false })
  })

  it('can be declined before the page is shown: the call reports it', async () => {
    const { bridge } = await open(pair, { shows: 'pages and forms', person: () => ({ action: 'decline' }) })
    expect(await bridge.call('read')).toEqual({ text: expect.stringContaining('declined to'), isError: true })
    expect(await bridge.call('hello')).toMatchObject({ isError: false })
  })

  it('can be requested again after the user declined a page: the page is shown again immediately', async () => {
    const { bridge } = await open(pair, {
      shows: 'pages and forms',
      person({ url = '' }) {
        if (bridge.shown.length === 1) return { action: 'cancel' }
        decidesAt('grant').decide(url)
        return { action: 'accept' }
      },
    })
    expect(await bridge.call('read')).toEqual({ text: expect.stringContaining('declined to'), isError: true })
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
    expect(bridge.shown).toHaveLength(2)
  })

  it('can be denied before the client reports that the page was opened: the call reports it, and one that needs less starts a new flow', async () => {
    const { bridge } = await open(pair, {
      shows: 'pages and forms',
      async person({ url = '' }) {
        const person = decidesAt(bridge.shown.length === 1 ? 'deny' : 'grant')
        person.decide(url)
        await person.page()
        return { action: 'accept' }
      },
    })
    expect(await bridge.call('write')).toEqual({ text: expect.stringContaining('Denied'), isError: true })
    expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
    expect(bridge.shown).toHaveLength(2)
  })

  it('is requested on separate pages for the server and the tool, both of which are shown', async () => {
    const { bridge } = await open(pair, {
      everything: true,
      shows: 'pages and forms',
      person({ url = '' }) {
        decidesAt('grant').decide(url)
        return { action: 'accept' }
      },
    })
    expect(await bridge.call('write')).toEqual({ text: 'write', isError: false })
    expect(new Set(bridge.shown.map(({ url }) => url)).size).toBe(2)
  })

  it('is not lost if the user is slower than --patience, even after a restart', async () => {
    const { bridge, given } = await open(pair, { flags: ['--patience', '0.5'] })
    const waiting = await bridge.call('read')
    expect(waiting).toEqual({ text: expect.stringMatching(/^Waiting for your consent, which /), isError: true })
    const page = await bridge.pageOnStderr()
    // M04
    expect(waiting.text).not.toContain(new URL(page).host)
    expect(waiting.text).not.toContain('http')
    expect(await bridge.call('read'), 'asked again').toEqual(waiting)
    expect(pagesIn(bridge.stderr())).toEqual([page])
    await bridge.close()
    const next = await openClient(pair.client, given)
    // A client of 2026-07-28 is connected before its server has started.
    await next.tools()
    const person = decidesAt('grant')
    person.decide(page)
    expect(await person.page()).toContain('data-state="allowed"')
    expect(await next.call('read')).toEqual({ text: 'read', isError: false })
    expect(next.stderr()).toBe('')
  })

  it('is requested on one page for ten parallel calls', async () => {
    const { bridge } = await open(pair)
    const calls = Array.from({ length: 10 }, () => bridge.call('read'))
    decidesAt('grant').decide(await bridge.pageOnStderr())
    const answers = await Promise.all(calls)
    expect(answers).toEqual(answers.map(() => ({ text: 'read', isError: false })))
    expect(pagesIn(bridge.stderr())).toHaveLength(1)
  })

  it('is shown once for ten parallel calls by a client that can show pages', async () => {
    const person = decidesAt('grant')
    const { bridge } = await open(pair, {
      shows: 'pages and forms',
      person({ url = '' }) {
        person.decide(url)
        return { action: 'accept' }
      },
    })
    const answers = await Promise.all(Array.from({ length: 10 }, () => bridge.call('read')))
    expect(answers).toEqual(answers.map(() => ({ text: 'read', isError: false })))
    expect(bridge.shown).toHaveLength(1)
  })

  it('is requested again when a call needs more', async () => {
    const { bridge } = await open(pair)
    const read = bridge.call('read')
    decidesAt('grant').decide(await bridge.pageOnStderr())
    await read
    const write = bridge.call('write')
    await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(2)
    decidesAt('grant').decide(pagesIn(bridge.stderr())[1] ?? '')
    expect(await write).toEqual({ text: 'write', isError: false })
  })

  it('for everything: only a connect tool is listed, and the others appear after the user has decided', async () => {
    const { bridge, server } = await open(pair, { everything: true })
    expect(await bridge.tools()).toEqual(['connect'])
    expect((await bridge.client.listResources()).resources).toEqual([])
    expect(bridge.stderr()).toBe('')
    if (pair.client === 'stateless' && 'listen' in bridge.client) await bridge.client.listen({ toolsListChanged: true })
    const connect = bridge.call('connect')
    decidesAt('grant').decide(await bridge.pageOnStderr())
    expect(await connect).toEqual({ text: expect.stringContaining('Connected'), isError: false })
    await expect.poll(() => bridge.heard).toContain('notifications/tools/list_changed')
    expect(await bridge.tools()).toEqual(tools.map(({ name }) => name))
    expect(await bridge.call('hello')).toEqual({ text: 'hello', isError: false })
    bridge.heard.length = 0
    await expect.poll(() => bridge.heard.length > 0 || server.toolsChanged()).toBe(true)
  })
})

describe.each(pairs)('a slow user, “$client” on “$server”, if everything needs consent', (pair) => {
  it('can call the connect tool again, without calling the server’s tool of that name', async () => {
    const { bridge } = await open(pair, { everything: true, flags: ['--patience', '0.3'] })
    expect(await bridge.tools()).toEqual(['connect'])
    if (pair.client === 'stateless' && 'listen' in bridge.client) await bridge.client.listen({ toolsListChanged: true })
    const waiting = await bridge.call('connect')
    expect(waiting.text).toContain('Waiting for your consent')
    expect(await bridge.tools(), 'no consent has been given yet').toEqual(['connect'])
    expect(bridge.heard.filter((heard) => heard.startsWith('notifications/'))).toEqual([])
    await bridge.call('connect')
    const person = decidesAt('grant')
    person.decide(await bridge.pageOnStderr())
    expect(await person.page()).toContain('data-state="allowed"')
    await expect.poll(() => bridge.heard).toContain('notifications/tools/list_changed')
    expect(await bridge.call('connect')).toEqual({ text: expect.stringContaining('Connected'), isError: false })
    expect(await bridge.tools()).toEqual(tools.map(({ name }) => name))
  })
})

describe.each(eras)('a client of the era “%s”', (client) => {
  const pair = { client, server: client }

  it('L03: learns of an unconfigured auth server, and the user is not sent there', async () => {
    const { url } = await protectServer(client, { authServer: parties.authServer })
    const { folder } = await newAgent(['https://other.example'])
    const bridge = await openClient(client, { url, folder })
    const { text, isError } = await bridge.call('read')
    expect(isError).toBe(true)
    expect(text).toContain(`sends users to ${parties.authServer} to decide`)
    expect(text).toContain(`--auth-server ${parties.authServer}`)
    expect(pagesIn(bridge.stderr())).toEqual([])
    await bridge.close()
    const allowed = await openClient(client, { url, folder, flags: ['--auth-server', parties.authServer] })
    const call = allowed.call('read')
    decidesAt('grant').decide(await allowed.pageOnStderr())
    expect(await call).toMatchObject({ isError: false })
  })

  it('M04: the model learns the consent URL only with --url-in-answers', async () => {
    const { bridge } = await open(pair, { flags: ['--patience', '0.2', '--url-in-answers'] })
    const { text } = await bridge.call('read')
    expect(text).toContain(await bridge.pageOnStderr())
  })

  it('M08: callbacks from a page’s script or through a foreign host name are rejected; a second callback changes nothing', async () => {
    const { bridge } = await open(pair)
    const call = bridge.call('read')
    const page = await bridge.pageOnStderr()
    const back = await decideAs(createScriptedUser(fetch), page, 'grant')
    expect((await fetch(back, { headers: { origin: 'https://evil.example' } })).status).toBe(403)
    expect(await statusByName(back, 'evil.example')).toBe(403)
    const first = await fetch(back)
    expect(await first.text()).toContain('data-state="allowed"')
    expect(await call).toEqual({ text: 'read', isError: false })
    const second = await fetch(back)
    expect(second.status).toBe(400)
    expect(await second.text()).toContain('It was already used')
    expect(await bridge.call('read'), 'the token still works').toEqual({ text: 'read', isError: false })
  })

  it('sends parameters in headers if a tool declares them, even before its list was read', async () => {
    const { bridge } = await open({ client, server: 'stateless' })
    expect(await bridge.call('region', { where: 'Zürich' })).toEqual({ text: 'region Zürich', isError: false })
  })
})

it('opens the consent page in the local browser, and no page that the server names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-browser-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const opened = join(folder, 'opened')
  const browser = join(folder, 'browser')
  writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> ${opened}\n`, { mode: 0o755 })
  // Prevents installed browsers from being found.
  const none = { HOME: folder, XDG_DATA_HOME: folder, XDG_DATA_DIRS: folder, XDG_CONFIG_DIRS: folder }
  const env = { DISPLAY: ':77', BROWSER: browser, ...none }
  const { bridge } = await open({ client: 'sessions', server: 'stateless' }, { env, shows: 'forms', isProcess: true })
  await bridge.call('page').catch((error: unknown) => error)
  const call = bridge.call('read')
  await expect.poll(() => existsSync(opened)).toBe(true)
  const [link = '', ...others] = readFileSync(opened, 'utf8').trim().split('\n')
  expect(others).toEqual([])
  const page = await bridge.pageOnStderr()
  // Other users of this machine can see a browser's command line.
  expect(link).not.toContain(new URL(page).searchParams.get('state'))
  const led = await fetch(link, { redirect: 'manual' })
  expect([led.status, led.headers.get('location')]).toEqual([303, page])
  expect((await fetch(link, { redirect: 'manual' })).status).toBe(410)
  decidesAt('grant').decide(page)
  expect(await call).toMatchObject({ isError: false })
})

it.each(eras)('prompts the user for subscribed resources, but not while they type; server “%s”', async (era) => {
  const { bridge } = await open(
    { client: 'sessions', server: era },
    {
      scopes: {
        'resources/subscribe': 'data.read',
        'subscriptions/listen': 'data.read',
        'completion/complete': 'data.read',
      },
    },
  )
  const ref = { type: 'ref/prompt', name: 'greet' } as const
  const typed = bridge.client.complete({ ref, argument: { name: 'who', value: 'A' } })
  await expect(typed).rejects.toThrow('needs your consent first. To give it, use the prompt.')
  expect(pagesIn(bridge.stderr())).toEqual([])
  const followed = bridge.client.subscribeResource({ uri: 'note://one' })
  decidesAt('grant').decide(await bridge.pageOnStderr())
  expect(await followed).toEqual({})
  expect(bridge.stderr()).toContain('for the resource “note://one”')
})

it('a client with a handshake is also prompted by a server of both eras', async () => {
  const { authServer } = parties
  const { url } = await protectServer('stateless', { authServer, legacy: 'stateless' })
  const { folder } = await newAgent([authServer])
  const person = () => ({ action: 'accept', content: { name: 'Ada' } }) as const
  const bridge = await openClient('sessions', { url, folder, shows: 'forms', person })
  expect(await bridge.call('ask')).toEqual({ text: 'accept Ada', isError: false })
  expect(await bridge.call('client')).toEqual({ text: 'file:///home/ada thinker', isError: false })
  await bridge.client.subscribeResource({ uri: 'note://one' })
})

it('a client whose user has not responded yet is not prompted a second time', async () => {
  const { bridge } = await open(
    { client: 'sessions', server: 'sessions' },
    { flags: ['--patience', '0.3'], shows: 'pages and forms', person: () => new Promise(() => undefined) },
  )
  const waiting = await bridge.call('read')
  expect(waiting.text).toContain('Waiting for your consent')
  expect(await bridge.call('read')).toEqual(waiting)
  expect(bridge.shown).toHaveLength(1)
  const person = decidesAt('grant')
  person.decide(bridge.shown[0]?.url ?? '')
  expect(await person.page()).toContain('data-state="allowed"')
  expect(await bridge.call('read')).toEqual({ text: 'read', isError: false })
})

it('reports in one sentence that the server is unreachable', async () => {
  const { folder } = await newAgent([parties.authServer])
  const url = `http://127.0.0.1:${await freePort()}/mcp`
  await expect(openClient('sessions', { url, folder })).rejects.toThrow('did not respond')
})

it('is a program that exits when its input ends, and writes only messages to its output', async () => {
  const { authServer } = parties
  const { url } = await protectServer('sessions', { authServer })
  const { folder } = await newAgent([authServer])
  const running = startCommand(['mcp', url], { COUNTERSIGN_HOME: folder })
  const { stdin } = running.child
  const send = (message: object) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const clientInfo = { name: 'raw', version: '1' }
  send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } })
  await running.seen(/"id":1/)
  send({ method: 'notifications/initialized' })
  stdin.write('no message\n')
  stdin.write('[{"jsonrpc":"2.0","id":7,"method":"ping"}]\n')
  send({ id: 2, method: 'tools/call', params: { name: 'read', _meta: { progressToken: 'p' } } })
  await running.seen(/notifications\/message/)
  stdin.end()
  const { status, stdout } = await running.finished
  expect(status).toBe(0)
  const messages = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { jsonrpc: string; method?: string; id?: unknown })
  expect(messages.every(({ jsonrpc }) => jsonrpc === '2.0')).toBe(true)
  expect(messages.map(({ method, id }) => method ?? id)).toEqual([
    1,
    null,
    null,
    'notifications/progress',
    'notifications/message',
  ])
})

it.each<[string[], RegExp]>([
  [['mcp', 'ftp://api.example'], /Pass the http or https URL of an MCP server/],
  [['mcp', 'https://api.example/mcp', '--patience', 'long'], /--patience must be a number of seconds/],
  [['mcp', 'https://api.example/mcp', '--auth-server', 'x'], /--auth-server/],
])('rejects invalid flags: %j', async (args, why) => {
  const agent = await newAgent([])
  const ended = await agent.run(args)
  expect(ended).toMatchObject({ status: 2, stdout: '' })
  expect(ended.stderr).toMatch(why)
})

/** The response to a page whose host name resolves to this machine. */
function statusByName(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
