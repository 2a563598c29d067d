import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, serveEditions } from 'countersign/resource'
import { expect, it } from 'vitest'
import { signAccessToken } from '../../countersign/test/access-token.js'
import { openStage, requestWith, scopes, tokenOf } from '../../countersign/test/editions/draft-11/resource-stage.js'
import { ids, now } from '../../countersign/test/editions/draft-11/wire.js'
import { documentFetch, oauthDocuments } from '../../countersign/test/origins.js'
import { openGateway } from './gateway-stage.js'
import { send } from './person-server.js'

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
