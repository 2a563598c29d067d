import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { draft11Resource } from 'countersign/editions/draft-11'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { openDraft11Peers } from './draft-11-peers.js'
import { openClient } from './mcp/clients.js'
import { pagesIn } from './mcp/open-protected.js'
import { protectServer } from './mcp/protected-server.js'
import { type ProgramOptions, startProgram } from './run-program.js'

const peers = openDraft11Peers()

beforeEach(() => {
  peers.decision = 'allow'
  peers.seen.length = 0
})

/** Creates an agent with the command, in a new folder. */
async function newAgent(...flags: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-draft-11-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'agent')
  const id = `http://127.0.0.1:${await freePort()}`
  const start = (args: readonly string[], options: ProgramOptions = {}) =>
    startProgram(args, { ...options, env: { COUNTERSIGN_HOME: home } })
  const init = await start([
    'agent',
    'init',
    '--edition',
    'draft-11',
    '--id',
    id,
    '--auth-server',
    peers.personServer,
    ...flags,
  ]).finished
  return {
    folder,
    home,
    id,
    init,
    start,
    run: (args: readonly string[], options?: ProgramOptions) => start(args, options).finished,
  }
}

/** The user's browser, which follows redirects. */
const browse =
  (shown: string[] = []) =>
  (url: string) => {
    shown.push(url)
    fetch(url).catch(() => undefined)
  }

describe('an agent with the edition draft-11', () => {
  it('fetches: the user allows both requests in the terminal’s browser, and the next command needs no user', async () => {
    const { init, home, run } = await newAgent()
    expect(init).toMatchObject({ status: 0 })
    expect(JSON.parse(readFileSync(join(home, 'agent.json'), 'utf8'))).toMatchObject({ edition: 'draft-11' })
    const shown: string[] = []
    const first = await run(['fetch', `${peers.api}/data`], { person: browse(shown) })
    expect(first).toMatchObject({ status: 0, stdout: '{"sub":"user-1","scope":["data.read"]}' })
    expect(shown).toHaveLength(2)
    expect(new URL(shown[0] ?? '').searchParams.get('callback')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback\?state=/)
    expect(await run(['fetch', `${peers.api}/data`])).toMatchObject({ status: 0, stderr: '' })
  })

  it('reports a denial', async () => {
    peers.decision = 'deny'
    const { run } = await newAgent()
    const ended = await run(['fetch', `${peers.api}/data`], { person: browse() })
    expect(ended).toMatchObject({ status: 5, stdout: '' })
    expect(ended.stderr).toMatch(/Access was denied by 127\.0\.0\.1:\d+,\s+without\s+a\s+reason\.\n$/)
  })

  it('prints the page if no one can be prompted, and continues once it is run again', async () => {
    const { run } = await newAgent()
    for (const last of ['token', 'authorize']) {
      const ended = await run(['fetch', `${peers.api}/data`])
      expect(ended).toMatchObject({ status: 4, stdout: '' })
      expect(ended.stderr).toMatch(/allow\s+the\s+request,\s+and\s+run\s+this\s+command\s+again/)
      await fetch(ended.stderr.split('\n').at(-2) ?? '')
      expect(peers.seen).toContain(`POST /${last}`)
    }
    expect(await run(['fetch', `${peers.api}/data`])).toMatchObject({ status: 0 })
    // The last run asks first for what needs no prompt.
    expect(peers.seen.filter((each) => each.startsWith('POST'))).toEqual([
      'POST /token',
      'POST /token',
      'POST /authorize',
    ])
  })

  it('refuses flags that do not apply to it', async () => {
    const { run } = await newAgent()
    const pasted = await run(['fetch', '--paste', `${peers.api}/data`])
    expect(pasted).toMatchObject({ status: 2, stderr: expect.stringContaining('--paste is not needed') })
    const old = await run(['fetch', '--interop', `${peers.api}/data`])
    expect(old).toMatchObject({ status: 2, stderr: expect.stringContaining('this agent speaks draft -11') })
  })

  it('serves its document and key, and shows its tokens and its person server', async () => {
    const { id, start, run } = await newAgent('--name', 'My agent')
    const waiting = start(['fetch', `${peers.api}/data`], { person: () => undefined })
    await waiting.seen(/Waiting for you/)
    const documentOf = async (path: string) => (await fetch(id + path)).json()
    expect(await documentOf('/.well-known/aauth-agent.json')).toEqual({
      issuer: id,
      jwks_uri: `${id}/jwks.json`,
      localhost_callback_allowed: true,
      name: 'My agent',
    })
    expect(await documentOf('/jwks.json')).toMatchObject({ keys: [{ alg: 'Ed25519' }] })
    await waiting.stop('SIGINT')
    await run(['fetch', `${peers.api}/data`], { person: browse() })
    const { status, stdout } = await run(['status', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout).agents).toMatchObject([
      {
        auth_servers: [{ id: peers.personServer, outcome: 'reachable', user: 'user-1' }],
        tokens: [
          { resource: peers.api, scope: 'data.read' },
          { resource: peers.api, scope: '' },
        ],
      },
    ])
  })

  it('shows no auth server for the session of a resource that lets the agent in itself', async () => {
    const { run } = await newAgent()
    expect(await run(['fetch', `${peers.api}/session`])).toMatchObject({ status: 0, stdout: 'in' })
    const { status, stdout } = await run(['status', '--json'])
    const [agent] = JSON.parse(stdout).agents
    expect({ status, ...agent }).toMatchObject({
      status: 0,
      auth_servers: [{ id: peers.personServer, user: null }],
      tokens: [{ resource: peers.api }],
    })
  })

  it('is used by the sidecar, too', async () => {
    const { start, home } = await newAgent()
    const { host } = new URL(peers.api)
    const running = start(['sidecar', '--allow-host', host, '--port', '0'], { person: browse() })
    const [, sidecar] = await running.seen(/^(http:\/\/127\.0\.0\.1:\d+)\n/)
    const secret = readFileSync(join(home, 'sidecar-secret'), 'utf8').trim()
    const authorization = `Basic ${Buffer.from(`x:${secret}`).toString('base64')}`
    const response = await fetch(`${sidecar}/http://${host}/data`, { headers: { authorization } })
    expect([response.status, await response.text()]).toEqual([200, '{"sub":"user-1","scope":["data.read"]}'])
    await running.stop('SIGINT')
  })
})

it('mcp: the user allows both requests, each on its own page, and the call continues', async () => {
  const { home } = await newAgent()
  const server = await protectServer('sessions', { authServer: peers.personServer, edition: draft11Resource })
  const bridge = await openClient('sessions', { url: server.url, folder: home })
  const call = bridge.call('read')
  for (const number of [1, 2]) {
    await expect.poll(() => pagesIn(bridge.stderr()), { timeout: 20_000 }).toHaveLength(number)
    await fetch(pagesIn(bridge.stderr()).at(-1) ?? '')
  }
  expect(await call).toEqual({ text: 'read', isError: false })
})

describe('agent init --edition', () => {
  it.each([
    [['--id', 'https://me.example/~me'], /no path/],
    [['--auth-server', 'https://one.example', '--auth-server', 'https://two.example'], /one auth server/],
  ])('refuses what draft -11 does not allow: %j', async (flags, message) => {
    const { init } = await newAgent(...flags)
    expect(init.status).toBe(2)
    expect(init.stderr.replaceAll(/\s+/g, ' ')).toMatch(message)
  })

  it('keeps the edition of an agent', async () => {
    const { run } = await newAgent()
    const again = await run(['agent', 'init', '--edition', 'january'])
    expect(again.status).toBe(2)
    expect(again.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'already contains an agent of the edition draft-11: use another folder',
    )
  })

  it('writes the documents of the edition for a static host', async () => {
    const { folder } = await newAgent()
    const home = join(folder, 'other')
    const upload = join(folder, 'upload')
    const { status } = await startProgram(
      ['agent', 'init', '--edition', 'draft-11', '--id', 'https://me.invalid', '--upload-folder', upload],
      { env: { COUNTERSIGN_HOME: home } },
    ).finished
    expect(status).toBe(0)
    const read = (path: string) => JSON.parse(readFileSync(join(upload, path), 'utf8')) as object
    expect(read('.well-known/aauth-agent.json')).toEqual({
      issuer: 'https://me.invalid',
      jwks_uri: 'https://me.invalid/jwks.json',
      localhost_callback_allowed: true,
    })
    expect(read('jwks.json')).toMatchObject({ keys: [{ alg: 'Ed25519' }] })
  })
})
