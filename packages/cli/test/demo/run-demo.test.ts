import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createScriptedUser, decideAs } from '../../../server/test/scripted-user.js'
import { runDemo } from '../../src/demo/run-demo.js'
import { createVerifier, digestOf, type TraceDocument, thumbprintOf } from '../independent-verifier.js'
import { runCommand, startCommand } from '../run-command.js'
import { runInProcess, startProgram } from '../run-program.js'

const ids = { agent: 'http://127.0.0.1:8001', resource: 'http://127.0.0.1:8002', authServer: 'http://127.0.0.1:8003' }
const granted = {
  message: 'Access granted',
  data: 'This is protected data (authorized)',
  scheme: 'jwt',
  token_type: 'auth+jwt',
  method: 'GET',
  agent: ids.agent,
  agent_delegate: null,
  scope: 'data.read data.write',
}

// The ports are fixed, so all tests that open them are in this file and run in order.
let scratch: string
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'countersign-test-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
const freePorts = () => Promise.all([8001, 8002, 8003].map(isFree))

describe('countersign demo --json', () => {
  let document: TraceDocument
  let text: string
  let verifier: ReturnType<typeof createVerifier>
  beforeAll(async () => {
    const { status, stdout, stderr } = await runCommand('demo', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    text = stdout
    document = JSON.parse(stdout) as TraceDocument
    verifier = createVerifier(document)
  })

  const tokenAt = (where: string) => {
    const token = document.messages.flatMap(({ tokens }) => tokens).find((candidate) => candidate.where === where)
    if (!token) throw new Error(`no token at ${where}`)
    return token
  }
  const createdOf = (index: number) =>
    Number(/;created=(\d+)/.exec(verifier.signed[index]?.request.headers['signature-input'] ?? '')?.[1])

  it('ends with the response body of the capture', () => {
    expect(document.result).toEqual({ status: 200, body: granted })
    const last = document.messages.findLast(({ from, to }) => from === 'agent' && to === 'resource')
    expect(JSON.parse(last?.response.body ?? '')).toEqual(granted)
  })

  it('contains every message once, in the order sent', () => {
    expect(
      document.messages.map(({ from, to, request, response }) => {
        return `${from} ${to} ${request.method} ${new URL(request.url).pathname} ${response.status}`
      }),
    ).toEqual([
      'agent resource GET /data-auth 401',
      'resource agent GET /.well-known/aauth-agent 200',
      'resource agent GET /jwks.json 200',
      'agent auth-server GET /.well-known/aauth-issuer 200',
      'agent auth-server POST /agent/token 200',
      'auth-server agent GET /.well-known/aauth-agent 200',
      'auth-server agent GET /jwks.json 200',
      'auth-server resource GET /.well-known/aauth-resource 200',
      'auth-server resource GET /jwks.json 200',
      'agent resource GET /.well-known/aauth-resource 200',
      'browser auth-server GET /agent/auth 200',
      'browser auth-server POST /agent/auth 303',
      'browser auth-server GET /agent/auth 200',
      'browser auth-server POST /agent/auth 303',
      'browser agent GET /callback 200',
      'agent auth-server POST /agent/token 200',
      'agent resource GET /data-auth 200',
      'resource auth-server GET /.well-known/aauth-issuer 200',
      'resource auth-server GET /jwks.json 200',
    ])
  })

  it('contains signatures that verify with the keys it contains', () => {
    expect(verifier.signed).toHaveLength(4)
    for (const message of verifier.signed) {
      const covered = verifier.requireSignature(message)
      expect(covered).toEqual(expect.arrayContaining(['@method', '@authority', '@path', 'signature-key']))
      if (message.request.body === null) continue
      expect(covered).toEqual(expect.arrayContaining(['content-type', 'content-digest', 'nonce']))
      expect(message.request.headers['content-digest']).toBe(digestOf(message.request.body))
    }
  })

  it('fails verification if one character is changed', () => {
    const [first] = verifier.signed
    if (!first) throw new Error('nothing is signed')
    const request = { ...first.request, url: `${ids.resource}/data-autH` }
    expect(() => verifier.requireSignature({ ...first, request })).toThrow('is not signed')
  })

  it('challenges as in the capture', () => {
    const [first] = document.messages
    expect(first?.response.body).toBe('Authorization required')
    expect(first?.response.headers['agent-auth']).toMatch(
      /^httpsig; auth-token; resource_token="[^"]+"; auth_server="http:\/\/127\.0\.0\.1:8003"$/,
    )
  })

  it('carries a resource token for this agent and this key, valid for ten minutes', () => {
    const { kind, header, payload } = tokenAt('response.headers.agent-auth.resource_token')
    expect({ kind, header }).toEqual({
      kind: 'resource+jwt',
      header: { alg: 'EdDSA', kid: 'resource-key-1', typ: 'resource+jwt' },
    })
    expect(payload).toMatchObject({
      iss: ids.resource,
      aud: ids.authServer,
      agent: ids.agent,
      agent_jkt: thumbprintOf(verifier.keyOf(ids.agent, 'aauth-agent', 'key-1')),
      scope: 'data.read data.write',
    })
    expect(Math.abs(Number(payload.exp) - createdOf(0) - 600)).toBeLessThan(3)
    expect(tokenAt('request.body.resource_token').payload).toEqual(payload)
    const form = new URLSearchParams(verifier.signed[1]?.request.body ?? '')
    expect(verifier.verifyJwt(form.get('resource_token') ?? '', 'aauth-resource')).toEqual(payload)
  })

  it('carries an auth token bound to the agent’s key, valid for an hour', () => {
    const { kind, header, payload } = tokenAt('response.body.auth_token')
    expect({ kind, header }).toEqual({ kind: 'auth+jwt', header: { alg: 'EdDSA', kid: 'auth-key-1', typ: 'auth+jwt' } })
    expect(payload).toMatchObject({
      iss: ids.authServer,
      aud: ids.resource,
      agent: ids.agent,
      scope: 'data.read data.write',
      cnf: { jwk: verifier.keyOf(ids.agent, 'aauth-agent', 'key-1') },
    })
    expect(payload.sub).not.toBe('testuser')
    expect(Math.abs(Number(payload.exp) - createdOf(2) - 3600)).toBeLessThan(3)
    expect(tokenAt('request.headers.signature-key.jwt').payload).toEqual(payload)
    const answer = JSON.parse(verifier.signed[2]?.response.body ?? '') as Record<string, unknown>
    expect(answer).toMatchObject({
      expires_in: 3600,
      token_type: 'Bearer',
      refresh_token: expect.any(String) as string,
    })
  })

  it('contains no password, cookie, CSRF value or private key', () => {
    expect(text).not.toContain('testpass')
    expect(text).not.toMatch(/aabr_|aasn_|"d":/)
    const values = [...text.matchAll(/name=\\"csrf\\" value=\\"([^"\\]*)|csrf=([^&"]*)/g)]
    expect(values.length).toBeGreaterThanOrEqual(4)
    for (const [, inPage, inForm] of values) expect(inPage ?? inForm).toBe('[redacted]')
    for (const { request, response } of document.messages) {
      expect(['[redacted]', undefined]).toContain(request.headers.cookie)
      expect(['[redacted]', '[redacted], [redacted]', undefined]).toContain(response.headers['set-cookie'])
    }
    expect(document.messages.some(({ request }) => request.body?.includes('password=[redacted]'))).toBe(true)
  })
})

describe('countersign demo', () => {
  it('shows each signed message from both sides, and the token that it carries on each', async () => {
    const { status, stdout, stderr } = await runInProcess('demo', '--trace')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const titles = stdout.split('\n').filter((line) => /^(>>>|<<<|CONSENT)/.test(line))
    const token = `${ids.authServer}/agent/token`
    const api = `${ids.resource}/data-auth`
    const callTo = (url: string, party: string) => [
      `>>> AGENT REQUEST to ${url}`,
      `>>> ${party} REQUEST received`,
      `<<< ${party} RESPONSE`,
      `<<< AGENT RESPONSE from ${url}`,
    ]
    expect(titles).toEqual([
      ...callTo(api, 'RESOURCE'),
      ...callTo(token, 'AUTH SERVER'),
      'CONSENT REQUIRED',
      ...callTo(token, 'AUTH SERVER'),
      ...callTo(api, 'RESOURCE'),
    ])
    // Once for each message that carries it, in the frame of its sender.
    for (const token of ['RESOURCE TOKEN', 'AUTH TOKEN']) {
      expect(stdout.match(new RegExp(`${token} \\(decoded\\) in `, 'g'))).toHaveLength(2)
      expect(stdout.match(new RegExp(`${token} in \\w+: already decoded above`, 'g'))).toHaveLength(2)
    }
    expect(stdout).toContain('INFO: auth server -> resource "GET /.well-known/aauth-resource HTTP/1.1" 200 OK')
    expect(stdout).toContain(`Refused: the request needs an auth token, from ${ids.authServer}`)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`Result: 200 ${JSON.stringify(granted)}`)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).not.toContain('testpass')
  })

  it('prints only the result with --quiet, and the database file can be reused', async () => {
    const database = join(scratch, 'auth.db')
    for (let times = 0; times < 2; times++) {
      const { status, stdout, stderr } = await runInProcess('demo', '--quiet', '--db', database)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toBe(`200 ${JSON.stringify(granted)}\n`)
    }
    expect(readdirSync(scratch)).toContain('auth.db')
  })

  it('ends with access_denied and without an auth token with --deny', async () => {
    const { status, stdout } = await runInProcess('demo', '--deny', '--json')
    expect(status).toBe(0)
    const document = JSON.parse(stdout) as TraceDocument
    expect(document.result).toEqual({ error: 'access_denied' })
    expect(document.messages.at(-1)?.request.url).toMatch(/\/callback\?error=access_denied&/)
    expect(document.messages.flatMap(({ tokens }) => tokens).map(({ kind }) => kind)).not.toContain('auth+jwt')
    const shown = await runInProcess('demo', '--deny', '--trace')
    expect(shown.status).toBe(0)
    expect(shown.stdout).toContain('Refused: access_denied; the user did not allow it')
    expect(shown.stdout.trimEnd().split('\n').at(-1)).toBe('Result: access_denied')
  })

  it('removes its temporary directory', async () => {
    const temporary = mkdtempSync(join(scratch, 'tmp-'))
    vi.stubEnv('TMPDIR', temporary)
    onTestFinished(() => void vi.unstubAllEnvs())
    const { status } = await runInProcess('demo', '--quiet')
    expect(status).toBe(0)
    expect(readdirSync(temporary)).toEqual([])
  })

  it.each([8001, 8002, 8003])('reports in one sentence that port %i is in use', async (port) => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve))
    const { status, stdout, stderr } = await runInProcess('demo')
    await new Promise((resolve) => blocker.close(resolve))
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe(
      `Port ${port} on 127.0.0.1 is already in use; use --ports for others, such as --ports 9001,9002,9003.\n`,
    )
    expect(await freePorts()).toEqual([true, true, true])
  })

  it.each([
    ['SIGINT', 130, []],
    ['SIGTERM', 143, []],
    ['SIGINT', 130, ['--trace']],
  ] as const)('leaves nothing running after %s while a user is deciding', async (signal, expected, flags) => {
    const temporary = mkdtempSync(join(scratch, 'tmp-'))
    const running = startCommand(['demo', '--browser', ...flags], { TMPDIR: temporary })
    const [, url = ''] = await running.seen(/(http:\/\/127\.0\.0\.1:8003\/agent\/auth\?\S+)[\s\S]*press Ctrl-C to stop/)
    expect((await fetch(url)).status).toBe(200)
    running.child.kill(signal)
    const { status, stderr } = await running.finished
    expect(status).toBe(expected)
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(`Stopped by ${signal}; nothing was left running.`)
    expect(await freePorts()).toEqual([true, true, true])
    expect(readdirSync(temporary)).toEqual([])
  })

  it('waits for a user’s browser, reports success there, and shows the exchange from the receiver’s side', async () => {
    const running = startProgram(['demo', '--browser', '--json'])
    const [, url = ''] = await running.seen(/Please open (\S+)\n/)
    const user = createScriptedUser(fetch)
    const callback = await user.open(await decideAs(user, url, 'grant'))
    expect(callback.url).toContain(`${ids.agent}/callback?`)
    expect(await callback.text()).toContain('You’re done')
    const { status, stdout } = await running.finished
    expect(status).toBe(0)
    const { messages, result } = JSON.parse(stdout) as TraceDocument
    expect(result).toEqual({ status: 200, body: granted })
    const seen = messages.filter(({ from }) => from === 'browser').map(({ to, response }) => `${to} ${response.status}`)
    expect(seen).toEqual(['auth-server 200', 'auth-server 303', 'auth-server 200', 'auth-server 303', 'agent 200'])
    expect(stdout).not.toContain('testpass')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '--serve keeps all parties running, requests nothing, and exits on %s',
    async (signal) => {
      const temporary = mkdtempSync(join(scratch, 'tmp-'))
      vi.stubEnv('TMPDIR', temporary)
      onTestFinished(() => void vi.unstubAllEnvs())
      const running = startProgram(['demo', '--serve'])
      await running.seen(/Press Ctrl-C to stop/)
      const documents = ['agent/aauth-agent', 'resource/aauth-resource', 'authServer/aauth-issuer'] as const
      for (const document of documents) {
        const [party, name] = document.split('/') as [keyof typeof ids, string]
        expect((await fetch(`${ids[party]}/.well-known/${name}`)).status).toBe(200)
      }
      const discovered = await runInProcess('discover', ids.authServer)
      expect(discovered.status).toBe(0)
      const { status, stdout, stderr } = await running.stop(signal)
      expect(status).toBe(0)
      expect(stderr).toContain(`Request ${ids.resource}/data-auth (requires a user’s consent), /data-jwks or /data.\n`)
      expect(stdout).toContain(`agent       ${ids.agent}\nresource    ${ids.resource}\nauth-server ${ids.authServer}\n`)
      expect(stdout).not.toContain('CONSENT REQUIRED')
      expect(await freePorts()).toEqual([true, true, true])
      expect(readdirSync(temporary)).toEqual([])
    },
  )

  it('gives up if no one decides in time', async () => {
    const demo = runDemo({
      person: () => undefined,
      captured: true,
      requestTokenLifetime: 1,
      onEvent: () => undefined,
      signal: new AbortController().signal,
    })
    await expect(demo).rejects.toThrow('No decision within 1 s.')
    expect(await freePorts()).toEqual([true, true, true])
  })

  it.each([
    ['an unknown flag', ['demo', '--loud'], "Unknown option '--loud'"],
    [
      'flags that contradict each other',
      ['demo', '--json', '--quiet'],
      "'--json' cannot be used with option '--quiet'",
    ],
    [
      'a scripted decision with a real browser',
      ['demo', '--deny', '--browser'],
      "'--deny' cannot be used with option '--browser'",
    ],
    ['a flag without its value', ['demo', '--db'], "'--db <file>' argument missing"],
    ['an unknown command', ['demonstrate'], "Unknown command 'demonstrate'"],
    ['only the second word of a command', ['backup', '--help'], 'did you mean countersign server db backup?'],
  ])('exits with 2 for %s', async (_case, args, message) => {
    const { status, stdout, stderr } = await runInProcess(...args)
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
  })

  it('reports in one sentence that the database cannot be opened', async () => {
    const { status, stderr } = await runInProcess('demo', '--db', join(scratch, 'no-such-folder', 'auth.db'))
    expect(status).toBe(1)
    expect(stderr).toMatch(/^The database \S+ cannot be opened: [^\n]+\.\n$/)
    expect(await freePorts()).toEqual([true, true, true])
  })
})
