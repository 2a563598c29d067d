import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, serveEditions } from 'countersign/resource'
import { createConfiguredGateway, loadGatewayConfig } from 'countersign-gateway'
import { describe, expect, it, onTestFinished } from 'vitest'
import { signAccessToken } from '../../countersign/test/access-token.js'
import { openStage, requestWith, scopes, tokenOf } from '../../countersign/test/editions/draft-11/resource-stage.js'
import { ids, now } from '../../countersign/test/editions/draft-11/wire.js'
import { documentFetch, oauthDocuments } from '../../countersign/test/origins.js'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { openGateway } from './gateway-stage.js'
import { openPersonServer, openUpstream, send } from './person-server.js'

const authServer = 'https://auth.example'
const accept = ['aauth', 'oauth'] as const
const oauthSigner = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))
const signer = await createSigner(await generatePrivateJwk({ kid: 'january-1' }))

it('a gateway in front of an API in two editions accepts either, and the tokens of OAuth clients', async () => {
  const { fetch: find } = documentFetch(oauthDocuments(authServer, [oauthSigner.jwk]))
  const january = createResource({ id: ids.resource, signer, authServer, scopes, now: () => now, fetch: find })
  const resource = serveEditions(january, openStage().resource)
  const routes = [{ method: 'GET', path: '/data', require: 'authorization', scope: 'data.read' }] as const
  const mcp = [{ path: '/mcp', accept, tools: { read: 'data.read' } }]
  const { port } = await openGateway({ resource, routes, mcp, accept })
  const at = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)
  const ofToken = async (aud: string) => {
    const claims = { iss: authServer, aud, scope: 'data.read', iat: now, exp: now + 300 }
    return { authorization: `Bearer ${await signAccessToken(claims, { signer: oauthSigner })}` }
  }

  for (const path of ['/data', '/mcp']) {
    const { status, headers } = await at(path)
    const challenges = ['agent-auth', 'aauth-requirement', 'www-authenticate'].map((name) => headers.get(name))
    expect([path, status, ...challenges]).toEqual([
      path,
      401,
      'httpsig; identity=?1',
      expect.stringMatching(/^requirement=(?:person|agent)-token$/),
      expect.stringContaining('resource_metadata='),
    ])
  }
  expect((await send(port, await requestWith(await tokenOf('auth')))).status).toBe(200)
  expect((await at('/data', { headers: await ofToken(ids.resource) })).status).toBe(200)
  expect((await at('/data', { headers: await ofToken(`${ids.resource}/mcp`) })).status).toBe(401)
  const documents = [
    '/.well-known/aauth-resource',
    '/.well-known/aauth-resource.json',
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
  ]
  for (const path of documents) expect([path, (await at(path)).status]).toEqual([path, 200])
  const wrongMethods = await Promise.all([at('/aauth/revoke'), at('/jwks.json', { method: 'POST' })])
  expect(wrongMethods.map(({ status, headers }) => [status, headers.get('allow')])).toEqual([
    [405, 'POST'],
    [405, 'GET, HEAD'],
  ])
})

describe('a configuration with otherEditions', () => {
  async function load(more: object, keys = ['key.json', 'other-key.json']) {
    const folder = await mkdtemp(join(tmpdir(), 'gateway-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const [keyFile = '', otherKey = ''] = keys
    const settings = {
      id: ids.resource,
      authServer,
      keyFile,
      upstream: await openUpstream(),
      scopes,
      routes: [
        { method: 'GET', path: '/user', require: 'identity', accept },
        { method: 'GET', path: '/data', require: 'authorization', scope: 'data.read' },
      ],
      accept,
      otherEditions: [{ edition: 'draft-11', authServers: 'any', keyFile: otherKey, ...more }],
      stateFolder: 'state',
      allowInsecureLoopback: true,
    }
    for (const name of ['key.json', 'other-key.json'])
      await writeFile(join(folder, name), JSON.stringify(await generatePrivateJwk()), { mode: 0o600 })
    await writeFile(join(folder, 'gateway.json'), JSON.stringify(settings))
    return loadGatewayConfig(join(folder, 'gateway.json'), {})
  }
  const open = async (config: Awaited<ReturnType<typeof load>>) => {
    const gateway = createConfiguredGateway(config)
    onTestFinished(() => gateway.close())
    return { gateway, port: await listenWith(gateway.server) }
  }

  it('serves each, with its own key, auth servers and revocations', async () => {
    const { personServer, revoke } = await openPersonServer()
    const config = await load({ authServers: [personServer] })
    expect(config.warnings).toEqual([])
    const { gateway, port } = await open(config)
    const { status, headers } = await fetch(`http://127.0.0.1:${port}/data`)
    const challenges = ['agent-auth', 'aauth-requirement', 'www-authenticate'].filter((name) => headers.has(name))
    expect([status, challenges]).toEqual([401, ['agent-auth', 'aauth-requirement', 'www-authenticate']])
    const of = async (path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as object
    expect(await of('/.well-known/aauth-resource.json')).toMatchObject({ issuer: ids.resource })
    expect(await of('/.well-known/oauth-protected-resource')).toMatchObject({ authorization_servers: [authServer] })
    const [keys, otherKeys] = await Promise.all([of('/jwks.json'), of('/aauth/jwks.json')])
    expect([keys, otherKeys]).toMatchObject(
      [config.signer, ...config.otherSigners].map(({ jwk: { x } }) => ({ keys: [{ x }] })),
    )
    expect(await revoke(port)).toBe(200)
    gateway.use(config)
    expect(await revoke(port)).toBe(200)
  })

  it.each<[string, object, string[], RegExp]>([
    [
      'without a second key',
      {},
      ['key.json', 'none.json'],
      /otherEditions\[0\]\.keyFile: .*none\.json: the file does not/,
    ],
    [
      'with one key for both',
      {},
      ['key.json', 'key.json'],
      /otherEditions\[0\]\.keyFile: .*key\.json: each edition needs/,
    ],
    ['with an unknown member', { authserver: 'a' }, [], /otherEditions\[0\]/],
    ['with the same edition', { edition: 'january', authServer, authServers: undefined }, [], /january again/],
  ])('is refused %s', async (_what, more, keys, problem) => {
    await expect(load(more, keys.length > 0 ? keys : undefined)).rejects.toThrow(problem)
  })
})
