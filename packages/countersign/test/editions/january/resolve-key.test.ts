import { january } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { expect, it } from 'vitest'
import { discoveryAmong, signer } from '../../discovery/parties.js'
import { issuerDocuments } from '../../origins.js'
import { refusal } from '../../refusal.js'

const agent = 'https://agent.example'
const reference: KeyReference = { scheme: 'jwks', id: agent, kid: 'key-1' }

function openResolver(role: 'resource' | 'authServer') {
  const { clock, discovery, asked, otherwise } = discoveryAmong()
  const now = () => clock.now
  const keys = january.createKeyResolver({
    discovery,
    now,
    role,
    audience: 'https://self.example',
    authTokenIssuers: [],
  })
  return { keys, asked, otherwise }
}

it('W11: without well-known, the id is an agent at an auth server', async () => {
  const { keys, asked } = openResolver('authServer')
  expect(await keys.resolve(reference)).toMatchObject({ agent, scheme: 'jwks' })
  expect(asked[0]).toBe(`${agent}/.well-known/aauth-agent`)
})

it('W11: without well-known, the id is a key set at a resource, and proves no agent', async () => {
  const { keys, asked, otherwise } = openResolver('resource')
  otherwise.set(agent, async () => Response.json({ keys: [signer.jwk] }))
  expect(await keys.resolve(reference)).toMatchObject({ agent: undefined, scheme: 'jwks' })
  expect(asked).toEqual([agent])
})

it('a key that is known is found again with its scheme and agent, without a fetch', async () => {
  const { keys, asked } = openResolver('authServer')
  const first = await keys.resolve(reference)
  const fetched = asked.length
  expect(await keys.resolve(reference)).toMatchObject({ agent, scheme: 'jwks', delegate: undefined, token: undefined })
  expect(asked).toHaveLength(fetched)
  expect((await keys.resolve(reference)).key.thumbprint).toBe(first.key.thumbprint)
})

it('an auth token with a malformed scope grants nothing', async () => {
  const { clock, discovery, otherwise } = discoveryAmong()
  const [authServer, audience] = ['https://auth.example', 'https://self.example']
  const options = {
    discovery,
    now: () => clock.now,
    role: 'resource',
    audience,
    authTokenIssuers: [authServer],
  } as const
  otherwise.set(authServer, async (url) => Response.json(issuerDocuments(authServer, [signer.jwk])[url]))
  const times = { iat: clock.now, exp: clock.now + 60 }
  const claims = { iss: authServer, aud: audience, agent, ...times, scope: 'a"b', cnf: { jwk: signer.jwk } }
  const jwt = await issueToken(january.tokens.auth, claims, { signer })
  const { authorization } = await january.createKeyResolver(options).resolve({ scheme: 'jwt', jwt })
  expect(authorization?.scope).toEqual([])
})

it.each<[KeyReference, string]>([
  [{ ...reference, id: `${agent}/`, wellKnown: 'aauth-agent' }, 'the id is not an accepted identifier (https://host)'],
  [
    { ...reference, id: `${agent}/a`, wellKnown: 'aauth-agent' },
    'the id has a path, which is not accepted in identifiers here',
  ],
  [{ ...reference, id: 'http://agent.example' }, 'the id does not have the accepted form of a URL'],
  [{ ...reference, wellKnown: 'aauth-issuer' }, 'the well-known name is not supported'],
  [
    { scheme: 'jwks', jwksUri: 'http://agent.example/jwks.json', kid: 'k' },
    'the jwks URL does not have the accepted form',
  ],
  [{ scheme: 'x509', x5u: `${agent}/c.pem`, x5t: 'A' }, 'no certificate roots are configured'],
])('%j is refused without a fetch: %s', async (wrong, why) => {
  const { keys, asked } = openResolver('resource')
  expect(await refusal(() => keys.resolve(wrong))).toMatchObject({
    code: 'key_unknown',
    message: `No key was found: ${why}.`,
  })
  expect(asked).toEqual([])
})

it('a busy finder of certificates that does not say for how long is tried again after three seconds', async () => {
  const { clock, discovery } = discoveryAmong()
  const keys = january.createKeyResolver({
    discovery,
    now: () => clock.now,
    role: 'resource',
    audience: 'https://self.example',
    authTokenIssuers: [],
    certificates: async () => ({ failure: { reason: 'busy', message: 'all slots are taken' } }),
  })
  expect(await refusal(() => keys.resolve({ scheme: 'x509', x5u: `${agent}/c.pem`, x5t: 'A' }))).toMatchObject({
    code: 'too_many_requests',
    retryAfter: 3,
  })
})

it.each<[KeyReference]>([
  [{ scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x: signer.jwk.x ?? '' } }],
  [{ scheme: 'jwks', jwksUri: `${agent}/jwks.json`, kid: 'key-1' }],
])('an auth server refuses %j, which identifies no agent', async (anonymous) => {
  const { keys, asked } = openResolver('authServer')
  expect(await refusal(async () => keys.resolve(anonymous))).toMatchObject({
    code: 'identity_required',
    challenge: { level: 'identity' },
  })
  expect(asked).toEqual([])
})
