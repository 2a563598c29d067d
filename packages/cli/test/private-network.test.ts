import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished } from 'vitest'
import { simulatePublicNetwork } from '../../countersign/test/discovery/public-network.js'
import { certificateOf, startTlsServer, trust } from '../../countersign/test/discovery/tls-server.js'
import { agentDocuments, issuerDocuments } from '../../countersign/test/origins.js'
import { pipeProgram, runInProcess, startProgram } from './run-program.js'

const agent = 'https://agent.corp.example'
const issuer = 'https://auth.corp.example'
const resource = 'https://api.corp.example'
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))

/** A separate network with an agent and an auth server, at these addresses. */
async function openNetwork({ agentAt = '10.1.2.3', issuerAt = '10.1.2.4' } = {}) {
  const certificate = certificateOf('agent.corp.example', 'auth.corp.example')
  trust(certificate)
  const documents: Record<string, object> = {
    ...agentDocuments(agent, [signer.jwk]),
    ...issuerDocuments(issuer, [signer.jwk]),
  }
  const server = await startTlsServer(certificate, (request, response) => {
    const document = documents[`https://${request.headers.host}${request.url}`]
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  simulatePublicNetwork({ 'agent.corp.example': [[agentAt]], 'auth.corp.example': [[issuerAt]] }, server.port)
  return server
}

async function requestBy(signatureKey: KeyReference): Promise<string> {
  const { headers } = await signRequest(new Request(`${resource}/data`), {
    profile: january.signing,
    signer,
    signatureKey,
  })
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET /data HTTP/1.1\r\nhost: api.corp.example\r\n${lines.join('')}\r\n`
}

const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

describe('countersign discover on a private network', () => {
  it('reports that the address is not public, and which flag to set', async () => {
    const server = await openNetwork()
    const { status, stdout } = await runInProcess('discover', agent)
    expect(status).toBe(3)
    expect(flat(stdout)).toContain(
      'Fix: Its address, 10.1.2.3, is not public. If it is on your own network, allow it: ' +
        '--allow-network 10.1.2.3/32=agent.corp.example; allowNetworks does the same in the configuration of countersign server start ' +
        'and in the options of agents and resources.',
    )
    expect(server.connections()).toBe(0)
  })

  it('fetches with that flag', async () => {
    await openNetwork()
    const { status, stdout } = await runInProcess(
      'discover',
      agent,
      '--allow-network',
      '10.1.2.3/32=agent.corp.example',
    )
    expect({ status, verdict: stdout.trimEnd().split('\n').at(-1) }).toEqual({
      status: 0,
      verdict: 'Everything published here is valid.',
    })
  })

  it.each([
    ['10.0.0.0/8', 0],
    ['10.0.0.0/8=*.corp.example', 0],
    ['10.0.0.0/8=agent.corp.example:443', 0],
    ['10.0.0.0/8=*.corp.example:8443', 3],
    ['10.0.0.0/8=other.corp.example', 3],
    ['10.1.2.4/32', 3],
  ])('exits with --allow-network %s with %i', async (network, expected) => {
    await openNetwork()
    expect((await runInProcess('discover', agent, '--allow-network', network)).status).toBe(expected)
  })

  it('accepts the flag several times', async () => {
    await openNetwork()
    const flags = ['--allow-network', '192.168.0.0/16', '--allow-network', '10.1.0.0/16']
    expect((await runInProcess('discover', agent, ...flags)).status).toBe(0)
  })

  it.each(['127.0.0.1', '169.254.169.254', 'fe80::1'])('reports that %s is never contacted', async (agentAt) => {
    await openNetwork({ agentAt })
    const { stdout } = await runInProcess('discover', agent)
    expect(flat(stdout)).toContain(
      `Fix: Its address, ${agentAt}, is never contacted, because it belongs to this machine,`,
    )
    expect(stdout).not.toContain('--allow-network')
  })

  it.each([
    ['::ffff:10.1.2.3', agent, '--allow-network 10.1.2.3/32=agent.corp.example;'],
    ['fd00::1', `${agent}:8443`, '--allow-network fd00::1/128=agent.corp.example:8443;'],
  ])('prints the network of %s in the form that the flag accepts', async (agentAt, identifier, flag) => {
    await openNetwork({ agentAt })
    const { stdout } = await runInProcess('discover', identifier)
    expect(flat(stdout)).toContain(flag)
    const [, network = ''] = flag.slice(0, -1).split(' ')
    expect(flat((await runInProcess('discover', identifier, '--allow-network', network)).stdout)).not.toContain(
      'public',
    )
  })

  it.each([
    [['--allow-network', '10.1.2.3/8'], '--allow-network: 10.1.2.3/8 has host bits set: the network is 10.0.0.0/8'],
    [['--allow-network', '0.0.0.0/0'], '--allow-network: 0.0.0.0/0 contains public addresses'],
    [['--allow-network', 'corp.example'], '--allow-network: corp.example must be a network, such as 10.0.0.0/8'],
    [
      ['--allow-network', '10.0.0.0/8=https://a.example'],
      'the host of 10.0.0.0/8=https://a.example must be a host only',
    ],
    [['--allow-network', '10.0.0.0/8=a.example:0'], 'the port of 10.0.0.0/8=a.example:0 must be a port'],
    [['--allow-network', '10.0.0.0/8='], 'the host of 10.0.0.0/8= is not a host'],
    [['--egress-proxy', 'socks5://user:geheim@proxy.example'], '--egress-proxy must begin with http:// or https://'],
  ])('exits with 2 for %j', async (flags, message) => {
    const { status, stderr } = await runInProcess('discover', agent, ...flags)
    expect(status).toBe(2)
    expect(flat(stderr)).toContain(message)
    expect(stderr).not.toContain('geheim')
  })

  it('sends requests through the configured proxy', async () => {
    simulatePublicNetwork({ 'agent.corp.example': [['8.8.8.8']] }, 1)
    const { status, stdout } = await runInProcess('discover', agent, '--egress-proxy', 'http://127.0.0.1:1')
    expect(status).toBe(3)
    expect(flat(stdout)).toContain('connect ECONNREFUSED 127.0.0.1:1')
  })
})

describe('countersign verify on a private network', () => {
  const published: KeyReference = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' }

  async function tokenOf(iss: string): Promise<KeyReference> {
    const exp = Math.floor(Date.now() / 1000) + 600
    const claims = { iss, aud: resource, agent, sub: 'alice', scope: 'data.read', exp, cnf: { jwk: signer.jwk } }
    return { scheme: 'jwt', jwt: await issueToken(january.tokens.auth, claims, { signer }) }
  }

  it('reports that the address is not public, and which flag to set', async () => {
    const server = await openNetwork()
    const { status, stdout } = await pipeProgram(await requestBy(published), 'verify', '--resource', resource)
    expect(status).toBe(3)
    expect(flat(stdout)).toContain('the address is not public: agent.corp.example is at 10.1.2.3')
    expect(flat(stdout)).toContain('allow it: --allow-network 10.1.2.3/32=agent.corp.example;')
    expect(server.connections()).toBe(0)
  })

  it('verifies with that flag', async () => {
    await openNetwork()
    const flags = ['--resource', resource, '--allow-network', '10.1.2.3/32=agent.corp.example']
    expect((await pipeProgram(await requestBy(published), 'verify', ...flags)).status).toBe(0)
  })

  it('accepts a private address for the auth server that was typed', async () => {
    const server = await openNetwork()
    const flags = ['--resource', resource, '--auth-server', issuer]
    expect(await pipeProgram(await requestBy(await tokenOf(issuer)), 'verify', ...flags)).toMatchObject({ status: 0 })
    expect(server.asked).toEqual(['auth.corp.example /.well-known/aauth-issuer', 'auth.corp.example /jwks.json'])
  })

  it.each([
    ['by the token alone', () => tokenOf(issuer), []],
    [
      'as an agent',
      async (): Promise<KeyReference> => ({ ...published, id: issuer }) as KeyReference,
      ['--auth-server', issuer],
    ],
    [
      'for its keys',
      async (): Promise<KeyReference> => ({ scheme: 'jwks', jwksUri: `${issuer}/jwks.json`, kid: 'key-1' }),
      ['--auth-server', issuer],
    ],
  ])('does not contact a private auth server that the request names %s', async (_case, signatureKey, flags) => {
    const server = await openNetwork()
    const request = await requestBy(await signatureKey())
    const { status, stdout } = await pipeProgram(request, 'verify', '--resource', resource, ...flags)
    expect(status).toBe(3)
    expect(flat(stdout)).toContain('--allow-network 10.1.2.4/32=auth.corp.example;')
    expect(server.connections()).toBe(0)
  })
})

describe('countersign demo on a private network', () => {
  it('reports which flag to set if the auth server is there', async () => {
    const running = startProgram(['demo', '--only', 'resource', '--port', '0', '--quiet', '--auth-server-url', issuer])
    onTestFinished(() => void running.stop('SIGINT'))
    const [, id = ''] = await running.seen(/^resource +(\S+)\n/)
    const server = await openNetwork()
    const flags = ['--only', 'agent', '--port', '0', '--quiet', '--auth-server-url', issuer]
    const ask = (...more: string[]) => runInProcess('demo', ...flags, '--resource-url', `${id}/data-auth`, ...more)
    const { status, stderr } = await ask()
    expect(status).toBe(3)
    expect(flat(stderr)).toContain('allow it: --allow-network 10.1.2.4/32=auth.corp.example;')
    expect(server.connections()).toBe(0)
    const allowed = await ask('--allow-network', '10.1.2.4/32=auth.corp.example')
    expect(server.asked).toEqual(['auth.corp.example /.well-known/aauth-issuer'])
    expect(flat(allowed.stderr)).not.toContain('public')
  })

  it.each([
    [['--only', 'agent', '--allow-network', '10.0.0.0/7'], '--allow-network: 10.0.0.0/7 contains public addresses'],
    [['--allow-network', '10.0.0.0/8'], '--allow-network needs --only'],
  ])('exits with 2 for %j', async (flags, message) => {
    const { status, stderr } = await runInProcess('demo', ...flags)
    expect(status).toBe(2)
    expect(flat(stderr)).toContain(message)
  })
})
