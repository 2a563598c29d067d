import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateJwk } from 'countersign'
import { createRevokedTokens } from 'countersign/editions/draft-11'
import { createConfiguredGateway, loadGatewayConfig } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  openStage,
  requestWith,
  said,
  scopes,
  signers,
  tokenOf,
} from '../../countersign/test/editions/draft-11/resource-stage.js'
import { craftRequest, ids, now } from '../../countersign/test/editions/draft-11/wire.js'
import { listenWith, openResource } from '../../countersign/test/resource/events-resource.js'
import { exchange, openGateway } from './gateway-stage.js'
import { openPersonServer, openUpstream, send } from './person-server.js'

const routes = [
  { method: 'GET', path: '/agent', require: 'identity' },
  { method: 'GET', path: '/user', require: 'user' },
  { method: 'POST', path: '/data', require: 'authorization', scope: 'data.read' },
] as const

const also = ['content-type', 'content-digest']

/** A configuration of the edition. */
async function loadSettings(more: object) {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const upstream = { url: 'http://127.0.0.1:9' }
  const settings = { id: ids.resource, edition: 'draft-11', keyFile: 'key.json', upstream, scopes, routes, ...more }
  await writeFile(join(folder, 'key.json'), JSON.stringify(await generatePrivateJwk()), { mode: 0o600 })
  await writeFile(join(folder, 'gateway.json'), JSON.stringify(settings))
  return loadGatewayConfig(join(folder, 'gateway.json'), {})
}

describe('a gateway in draft -11', () => {
  it('requires one token after the other, and passes on who calls', async () => {
    const { port, arrived } = await openGateway({ resource: openStage().resource, routes })
    const unsigned = await fetch(`http://127.0.0.1:${port}/user`)
    expect(said(unsigned)).toEqual({
      status: 401,
      requirement: 'requirement=person-token',
      problem: 'error=invalid_signature',
    })
    expect((await send(port, await requestWith(await tokenOf('agent'), { target: '/agent' }))).status).toBe(200)
    const person = await tokenOf('person')
    expect(said(await send(port, await requestWith(person, { target: '/agent' }))).requirement).toBe(
      'requirement=agent-token',
    )
    expect((await send(port, await requestWith(person, { target: '/user' }))).status).toBe(200)
    const post = { method: 'POST', body: '{}', also }
    expect(said(await send(port, await requestWith(person, post))).requirement).toBe(
      'requirement=auth-token;resource-token="…"',
    )
    expect((await send(port, await requestWith(await tokenOf('auth'), post))).status).toBe(200)
    const seen = arrived.map(({ headers }) =>
      ['level', 'agent-server', 'delegate', 'issuer', 'subject', 'scope', 'jkt'].map(
        (name) => headers[`x-aauth-${name}`],
      ),
    )
    const { thumbprint } = signers.agent
    expect(seen).toEqual([
      ['identity', ids.agent, 'aauth:assistant@agent.example', '', '', '', thumbprint],
      ['user', '', '', ids.personServer, 'p1', '', thumbprint],
      ['authorization', '', '', ids.personServer, 'p1', 'data.read', thumbprint],
    ])
  })

  it('serves the document, and receives revocations', async () => {
    const { port, arrived } = await openGateway({ resource: openStage().resource, routes })
    const document = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource.json`)
    expect(await document.json()).toMatchObject({ issuer: ids.resource })
    const key = { scheme: 'jwks', id: ids.personServer, wellKnown: 'aauth-person.json', kid: 'ps-1' } as const
    const body = JSON.stringify({ jti: 'j1', exp: now + 300 })
    const revocation = { signer: signers.personServer, key, method: 'POST', target: '/aauth/revoke', body, also }
    expect((await send(port, await craftRequest(revocation))).status).toBe(200)
    const refused = await send(port, await requestWith(await tokenOf('person', { jti: 'j1' }), { target: '/user' }))
    expect(said(refused).problem).toBe('error=revoked_jwt')
    expect(arrived).toEqual([])
  })

  it('has the level user; a gateway in January 2026 does not', async () => {
    await expect(openGateway({ resource: openResource(), routes })).rejects.toThrow(
      'routes[1].require can be "user" only if',
    )
  })

  it('lets pages of listed origins read the headers of the edition', async () => {
    const origin = 'https://app.example'
    const { port } = await openGateway({ resource: openStage().resource, routes, cors: { origins: [origin] } })
    const refused = await fetch(`http://127.0.0.1:${port}/user`, { headers: { origin } })
    const exposed = refused.headers.get('access-control-expose-headers')?.split(', ')
    const own = [
      'AAuth-Requirement',
      'AAuth-Access',
      'Signature-Error',
      'Accept-Signature-Scheme',
      'Accept-Signature-Alg',
    ]
    expect(exposed).toEqual(expect.arrayContaining([...own, 'Retry-After']))
    expect(exposed).not.toContain('Agent-Auth')
  })

  it('drops trailers of the API with the names of these headers', async () => {
    const names = ['AAuth-Requirement', 'aauth_access', 'Accept-Signature-Alg', 'Signature-Error']
    const { port } = await openGateway({ resource: openStage().resource, otherwise: 'pass' }, (_incoming, outgoing) => {
      outgoing.setHeader('trailer', [...names, 'Grpc-Status'])
      outgoing.write('a')
      outgoing.addTrailers([...names, 'Grpc-Status'].map((name): [string, string] => [name, 'trailing']))
      outgoing.end()
    })
    const answer = await exchange(
      port,
      'GET /x HTTP/1.1\r\nHost: api.example\r\nTE: trailers\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/\r\nTrailer: Grpc-Status\r\n/i)
    expect(answer.match(/^(\S+): trailing/gm)).toEqual(['Grpc-Status: trailing'])
  })

  it('is configured by edition and authServers', async () => {
    const gateway = createConfiguredGateway(await loadSettings({ authServers: [ids.personServer] }))
    onTestFinished(() => gateway.close())
    const port = await listenWith(gateway.server)
    const document = await fetch(`http://127.0.0.1:${port}/.well-known/aauth-resource.json`)
    expect(await document.json()).toMatchObject({ access_mode: 'auth-token', scope_descriptions: scopes })
    expect(said(await fetch(`http://127.0.0.1:${port}/user`)).requirement).toBe('requirement=person-token')
  })
})

describe('a configured gateway refuses a revoked token', () => {
  async function openIssuer(more: object = {}) {
    const { personServer, use, revoke } = await openPersonServer()
    const settings = {
      authServers: [personServer],
      allowInsecureLoopback: true,
      upstream: { url: await openUpstream() },
      ...more,
    }
    return { load: async () => loadSettings(settings), use, revoke }
  }
  const open = async (...given: Parameters<typeof createConfiguredGateway>) => {
    const gateway = createConfiguredGateway(...given)
    onTestFinished(() => gateway.close())
    return { gateway, port: await listenWith(gateway.server) }
  }

  it('after its configuration was reloaded', async () => {
    const { load, use, revoke } = await openIssuer()
    const { gateway, port } = await open(await load())
    expect([await use(port), await revoke(port)]).toEqual([200, 200])
    gateway.use(await load())
    expect(await use(port)).toBe('error=revoked_jwt')
  })

  it('after a restart, with a state folder', async () => {
    const { load, use, revoke } = await openIssuer({ stateFolder: 'state' })
    const config = await load()
    const first = await open(config)
    expect([await use(first.port), await revoke(first.port)]).toEqual([200, 200])
    first.gateway.close()
    expect(await use((await open(config)).port)).toBe('error=revoked_jwt')
    expect(config.warnings).toEqual([])
    const { warnings } = await (await openIssuer()).load()
    expect(warnings).toEqual([expect.stringContaining('accepted again after a restart')])
  })

  it.each([
    ['with redis', { redis: 'redis://127.0.0.1:6379' }, /stateFolder: cannot be combined with redis/],
    ['in January', { edition: 'january', authServer: ids.personServer }, /stateFolder: needs edition: "draft-11"/],
  ])('and refuses a state folder %s', async (_, more, problem) => {
    await expect(loadSettings({ stateFolder: 'state', ...more })).rejects.toThrow(problem)
  })

  it('that was revoked at another process', async () => {
    const { load, use, revoke } = await openIssuer()
    const counted = { claimNonce: async () => true, rateLimit: async () => undefined }
    const shared = { ...counted, revokedTokens: createRevokedTokens() }
    const [one, two] = [await open(await load(), { shared }), await open(await load(), { shared })]
    expect([await use(two.port), await revoke(one.port)]).toEqual([200, 200])
    expect(await use(two.port)).toBe('error=revoked_jwt')
    const config = await load()
    expect(() => createConfiguredGateway(config, { shared: counted })).toThrow(/requires shared\.revokedTokens/)
  })
})
