import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import type { TraceDocument } from '../independent-verifier.js'
import { listenWith } from '../listen-with.js'
import { type RunningProgram, runInProcess, startProgram } from '../run-program.js'

it('the demo’s agent belongs to one user, even if its identifier is not local', async () => {
  const port = await freePort()
  const ids = ['--id', 'https://agent.example', '--auth-server-url', 'https://auth.example']
  const agent = startProgram(['demo', '--serve', '--only', 'agent', '--port', String(port), '--quiet', ...ids])
  await agent.seen(/^agent +https:\/\/agent\.example\n/)
  const document: unknown = await (await fetch(`http://127.0.0.1:${port}/.well-known/aauth-agent`)).json()
  await agent.stop('SIGINT')
  expect(document).toMatchObject({ redirect_uris: ['https://agent.example/callback'] })
})

/** Starts an auth server and a resource, each with a separate command; the test starts the agent. */
async function startOthers(...flags: string[]) {
  const authServer = startProgram(['demo', '--only', 'auth-server', '--port', '0', '--quiet', ...flags])
  const [, issuer = ''] = await authServer.seen(/^auth-server (\S+)\n/)
  const own = ['--only', 'resource', '--port', '0', '--auth-server-url', issuer, '--quiet']
  const resource = startProgram(['demo', ...own, ...flags])
  const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
  return { issuer, id, running: [authServer, resource] }
}

async function stop(running: readonly RunningProgram[]): Promise<void> {
  for (const { status, stderr } of await Promise.all(running.map((program) => program.stop('SIGINT')))) {
    expect({ status, stderr: stderr.replaceAll(/^(?:Request http|Users sign in|Press Ctrl-C).*\n/gm, '') }).toEqual({
      status: 0,
      stderr: '',
    })
  }
}

describe('three parties that are started separately', () => {
  it.each([
    ['with default options', []],
    ['with --interop', ['--interop']],
  ])('run the flow together, %s', async (_case, flags) => {
    const port = await freePort()
    const { issuer, id, running } = await startOthers(...flags)
    const agent = ['demo', '--only', 'agent', '--port', String(port), '--auth-server-url', issuer, ...flags]
    const { status, stdout, stderr } = await runInProcess(...agent, '--resource-url', `${id}/data-auth`, '--json')
    await stop(running)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { messages, result } = JSON.parse(stdout) as TraceDocument
    expect(result).toMatchObject({
      status: 200,
      body: { message: 'Access granted', agent: `http://127.0.0.1:${port}`, scope: 'data.read data.write' },
    })
    const signed = messages.filter(({ request }) => 'signature' in request.headers)
    expect(signed.map(({ from, to }) => `${from} ${to}`)).toEqual([
      'agent resource',
      'agent auth-server',
      'agent auth-server',
      'agent resource',
    ])
    const interop = flags.length > 0
    expect(signed.some(({ request }) => 'nonce' in request.headers)).toBe(!interop)
    for (const { request } of signed)
      expect(request.headers.signature).toMatch(interop ? /^sig1=:[\w-]{86}:$/ : /^sig1=:[\w+/]{86}==:$/)
    expect(stdout).not.toContain('testpass')
  })

  it('let the user deny access', async () => {
    const port = await freePort()
    const { issuer, id, running } = await startOthers()
    const agent = ['demo', '--only', 'agent', '--port', String(port), '--auth-server-url', issuer, '--deny', '--quiet']
    const { status, stdout } = await runInProcess(...agent, '--resource-url', `${id}/data-auth`)
    await stop(running)
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'access_denied\n' })
  })

  it('show the messages of the other parties, each from its own side', async () => {
    const port = await freePort()
    const authServer = startProgram(['demo', '--only', 'auth-server', '--port', '0', '--trace'])
    const [, issuer = ''] = await authServer.seen(/^auth-server (\S+)\n/)
    const resource = startProgram(['demo', '--only', 'resource', '--port', '0', '--auth-server-url', issuer, '--trace'])
    const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
    const agent = ['demo', '--only', 'agent', '--port', String(port), '--auth-server-url', issuer, '--trace']
    const { stdout } = await runInProcess(...agent, '--resource-url', `${id}/data-auth`)
    expect(stdout).toContain('>>> AGENT REQUEST to ')
    expect(stdout).toContain('INFO: browser -> auth server "POST /agent/auth HTTP/1.1" 303')
    expect(stdout).toContain('INFO: peer -> agent "GET /jwks.json HTTP/1.1" 200 OK')
    expect((await authServer.stop()).stdout).toContain('>>> AUTH SERVER REQUEST received')
    const seen = (await resource.stop()).stdout
    expect(seen).toContain('>>> RESOURCE REQUEST received')
    expect(seen).toContain(`INFO: resource -> peer "GET /.well-known/aauth-agent HTTP/1.1" 200 OK`)
  })
})

describe('countersign demo --only', () => {
  it('prints its address as JSON', async () => {
    const running = startProgram(['demo', '--only', 'agent', '--serve', '--port', '0', '--json'])
    const [line] = await running.seen(/^\{.*\}\n/)
    expect((await running.stop('SIGINT')).status).toBe(0)
    expect(JSON.parse(line)).toEqual({ agent: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string })
  })

  it('serves the identifier passed with --id', async () => {
    const port = await freePort()
    const id = 'https://api.example'
    const running = startProgram(['demo', '--only', 'resource', '--port', String(port), '--id', id, '--quiet'])
    await running.seen(/^resource +https:\/\/api\.example\n/)
    const response = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource`)
    expect(await response.json()).toMatchObject({ resource: id })
    expect((await running.stop('SIGINT')).status).toBe(0)
  })

  it('finds an agent that was not running a moment before', async () => {
    const agent = await unusedAddress()
    const resource = startProgram(['demo', '--only', 'resource', '--port', '0', '--quiet'])
    const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
    const signed = await signRequest(new Request(`${id}/data-jwks`), {
      profile: january.signing,
      signer: await createSigner(await generatePrivateJwk({ kid: 'key-1' })),
      signatureKey: { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' },
    })
    expect((await fetch(signed)).headers.get('signature-error')).toBe('error=unknown_key')
    const asked = ['--resource-url', `${id}/data-jwks`, '--quiet']
    const { status, stdout } = await runInProcess('demo', '--only', 'agent', '--id', agent, ...asked)
    await resource.stop('SIGINT')
    expect(status).toBe(0)
    expect(stdout).toContain(`"agent":"${agent}"`)
  })

  it('listens at the port of the identifier without --port', async () => {
    const id = await unusedAddress()
    const running = startProgram(['demo', '--only', 'resource', '--id', id, '--quiet'])
    await running.seen(/^resource +\S+\n/)
    const response = await fetch(`${id}/.well-known/aauth-resource`)
    expect(await response.json()).toMatchObject({ resource: id })
    expect((await running.stop('SIGINT')).status).toBe(0)
  })

  it.each([
    ['an unknown party', ['--only', 'browser'], 'Allowed choices are agent, resource, auth-server'],
    ['a port without a party', ['--port', '9000'], '--port needs --only'],
    ['three ports for one party', ['--only', 'agent', '--ports', '1,2,3'], "cannot be used with option '--only"],
    ['two ports', ['--ports', '9001,9002'], '--ports requires three different ports'],
    ['the same port twice', ['--ports', '9001,9001,0'], '--ports requires three different ports'],
    ['ports that are no numbers', ['--ports', '9001,9002,x'], '--ports must be a number'],
    ['a user without a name', ['--people', 'alice,'], '--people requires different usernames'],
    ['the same user twice', ['--people', 'alice,alice'], '--people requires different usernames'],
    ['the messages in two formats', ['--json', '--trace'], "cannot be used with option '--trace'"],
    ['an invalid port', ['--only', 'agent', '--port', '70000'], '--port must be a number'],
    [
      'an identifier with a trailing slash',
      ['--only', 'agent', '--id', 'http://127.0.0.1:9000/'],
      'remove the trailing slash (http://127.0.0.1:9000)',
    ],
    ['a malformed identifier', ['--only', 'agent', '--id', 'http://agent.example'], '--id is not a valid identifier'],
    [
      'a resource URL for a resource',
      ['--only', 'resource', '--resource-url', 'http://127.0.0.1:1/'],
      '--resource-url',
    ],
    ['an invalid URL', ['--only', 'agent', '--resource-url', '/data'], '--resource-url requires'],
    [
      'an unencrypted URL',
      ['--only', 'agent', '--resource-url', 'http://api.example/x'],
      'http is accepted only on this machine',
    ],
    ['a decision for a party that prompts no user', ['--only', 'resource', '--deny'], '--deny and --browser'],
    ['--browser with --serve', ['--serve', '--browser'], "cannot be used with option '--serve'"],
  ])('exits with 2 for %s', async (_case, args, message) => {
    const { status, stdout, stderr } = await runInProcess('demo', ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})

const unusedAddress = async () => `http://127.0.0.1:${await freePort()}`

describe('countersign demo --only agent, when a party does not respond', () => {
  const ask = (resource: string, ...flags: string[]) =>
    runInProcess(
      'demo',
      '--only',
      'agent',
      '--port',
      '0',
      '--quiet',
      '--resource-url',
      `${resource}/data-auth`,
      ...flags,
    )

  it('exits with 3 and reports that nothing listens at the resource’s address', async () => {
    const resource = await unusedAddress()
    expect(await ask(resource)).toEqual({
      status: 3,
      stdout: '',
      stderr: `GET ${resource}/data-auth failed: connection refused (nothing is listening there).\n`,
    })
  })

  it('shows the messages so far with --json', async () => {
    const resource = await unusedAddress()
    const flags = ['--only', 'agent', '--port', '0', '--json', '--resource-url', `${resource}/data-auth`]
    const { status, stdout } = await runInProcess('demo', ...flags)
    const { messages, result } = JSON.parse(stdout) as TraceDocument
    expect(status).toBe(3)
    expect(messages).toMatchObject([{ from: 'agent', to: 'resource', response: null }])
    expect(result).toEqual({
      error: 'no_answer',
      message: `GET ${resource}/data-auth failed: connection refused (nothing is listening there).`,
    })
  })

  it('exits with 3 for a resource that closes the connection', async () => {
    const { origin, close } = await listenWith((request) => request.socket.destroy())
    const { status, stderr } = await ask(origin)
    close()
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: `GET ${origin}/data-auth failed: the server closed the connection.\n`,
    })
  })

  it('exits with 3 and reports why the auth server does not respond', async () => {
    const authServer = await unusedAddress()
    const resource = startProgram(['demo', '--only', 'resource', '--port', '0', '--auth-server-url', authServer])
    const [, id = ''] = await resource.seen(/^resource +(\S+)\n/m)
    const { status, stderr } = await ask(id, '--auth-server-url', authServer)
    const other = await ask(id)
    await resource.stop()
    expect(status).toBe(3)
    expect(stderr).toBe(`The auth server ${authServer} does not respond (ECONNREFUSED). Try again later.\n`)
    expect(other.status).toBe(1)
    expect(other.stderr).toContain('Use --auth-server-url to set the auth server.')
  })
})
