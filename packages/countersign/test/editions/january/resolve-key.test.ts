import { january } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { discoveryAmong, signer } from '../../discovery/parties.js'

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
