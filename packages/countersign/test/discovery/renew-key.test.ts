import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { createDiscovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { importVerificationKey, receiveRequest, signRequest, verifySignature } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'
import { refusalCode } from '../refusal.js'

const agent = 'https://agent.example'
const auth = 'https://auth.example'
const resource = 'https://resource.example'
const jwksUri = `${agent}/jwks.json`
const start = 1_768_786_017
const newSigner = async (kid = 'key-1') => createSigner(await generatePrivateJwk({ kid }))
const [first, second, third, stranger] = await Promise.all([newSigner(), newSigner(), newSigner(), newSigner()])

/** A verifier of an agent's requests, with clock and documents controlled by the test. */
function createVerifier(options: { renewalInterval?: number } = {}) {
  const clock = { now: start }
  const now = () => clock.now
  const documents = { ...agentDocuments(agent, [first.jwk]), ...issuerDocuments(auth, [first.jwk]) }
  const { fetch, asked } = documentFetch(documents)
  const discovery = createDiscovery({ fetch, now, failureTime: 'shortest', ...options })
  const keys = january.createKeyResolver({
    discovery,
    now,
    audience: resource,
    authTokenIssuers: [auth],
    role: 'resource',
  })
  const verify = async (signer: Signer, jwt?: string) => {
    const request = await signRequest(new Request(`${resource}/data`), {
      profile: january.signing,
      signer,
      signatureKey: jwt
        ? { scheme: 'jwt', jwt }
        : { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' },
      created: clock.now,
    })
    const { resolved } = await verifySignature(receiveRequest(request), {
      profile: january.signing,
      authorities: ['resource.example'],
      resolveKey: (reference, remoteAddress) => keys.resolve(reference, remoteAddress),
      renewKey: (reference, resolved, remoteAddress) => keys.renew(reference, resolved, remoteAddress),
      claimNonce: 'later',
      now,
    })
    return resolved.key.thumbprint
  }
  return {
    clock,
    verify,
    publish: (signer: Signer, at = jwksUri) => {
      documents[at] = { keys: [signer.jwk] }
    },
    withdraw: () => delete documents[jwksUri],
    fetches: (url = jwksUri) => asked.filter((one) => one === url).length,
  }
}

describe('another key under the same kid', () => {
  it('is found by all concurrent requests after one fetch', async () => {
    const { verify, publish, clock, fetches } = createVerifier()
    expect(await verify(first)).toBe(first.thumbprint)
    publish(second)
    clock.now += 1
    const found = await Promise.all(Array.from({ length: 20 }, () => verify(second)))
    expect(new Set(found)).toEqual(new Set([second.thumbprint]))
    expect(await refusalCode(() => verify(first))).toBe('signature_mismatch')
    expect(fetches()).toBe(2)
  })

  it('does not accept a signature by a third key', async () => {
    const { verify, publish, clock, fetches } = createVerifier()
    await verify(first)
    publish(second)
    clock.now += 1
    expect(await refusalCode(() => verify(stranger))).toBe('signature_mismatch')
    expect(fetches()).toBe(2)
    expect(await verify(second)).toBe(second.thumbprint)
  })

  it('is fetched at most once a minute, however many bad signatures arrive', async () => {
    const { verify, publish, clock, fetches } = createVerifier()
    await verify(first)
    clock.now += 1
    for (let i = 0; i < 500; i++) expect(await refusalCode(() => verify(stranger))).toBe('signature_mismatch')
    await Promise.all(Array.from({ length: 500 }, () => refusalCode(() => verify(stranger))))
    expect(fetches()).toBe(2)
    publish(second)
    clock.now += 59
    expect(await refusalCode(() => verify(second))).toBe('signature_mismatch')
    expect(await verify(first)).toBe(first.thumbprint)
    clock.now += 1
    expect(await verify(second)).toBe(second.thumbprint)
    expect(fetches()).toBe(3)
  })

  it('is fetched as often as renewalInterval allows', async () => {
    const { verify, publish, clock } = createVerifier({ renewalInterval: 1 })
    await verify(first)
    for (const signer of [second, third, first]) {
      publish(signer)
      clock.now += 1
      expect(await verify(signer)).toBe(signer.thumbprint)
    }
  })

  it('is not fetched again if the key was just fetched for this request', async () => {
    const { verify, fetches } = createVerifier()
    expect(await refusalCode(() => verify(stranger))).toBe('signature_mismatch')
    expect(fetches()).toBe(1)
  })

  it('is not found if the JWKS cannot be fetched: the known key stays', async () => {
    const { verify, withdraw, clock, fetches } = createVerifier()
    await verify(first)
    clock.now += 1
    withdraw()
    expect(await refusalCode(() => verify(second))).toBe('signature_mismatch')
    expect(await verify(first)).toBe(first.thumbprint)
    expect(fetches()).toBe(2)
    for (let i = 0; i < 10; i++) expect(await refusalCode(() => verify(second))).toBe('signature_mismatch')
    expect(fetches()).toBe(2)
  })

  it('is not looked up for an agent whose documents are not known', async () => {
    const { fetch, asked } = documentFetch(agentDocuments(agent, [second.jwk]))
    const discovery = createDiscovery({ fetch, now: () => start, failureTime: 'shortest' })
    const current = await importVerificationKey(first.jwk)
    expect(await discovery.renewKey(january.documents.agent, agent, 'key-1', current)).toBeUndefined()
    expect(await discovery.findMetadata(january.documents.agent, agent)).toHaveProperty('found')
    expect(await discovery.renewKey(january.documents.agent, agent, 'key-1', current)).toBeUndefined()
    expect(asked).toHaveLength(1)
  })

  it('is the key that was found in the meantime, without another fetch, and never the same key', async () => {
    const { fetch, asked } = documentFetch(agentDocuments(agent, [second.jwk]))
    const discovery = createDiscovery({ fetch, now: () => start, failureTime: 'shortest' })
    const [former, current] = [await importVerificationKey(first.jwk), await importVerificationKey(second.jwk)]
    await discovery.findKey(january.documents.agent, agent, 'key-1')
    expect(await discovery.renewKey(january.documents.agent, agent, 'key-1', former)).toMatchObject({
      thumbprint: second.thumbprint,
    })
    expect(asked).toHaveLength(2)
    expect(await discovery.renewKey(january.documents.agent, agent, 'key-1', current)).toBeUndefined()
  })

  it('is found for the tokens of an auth server', async () => {
    const { verify, publish, clock, fetches } = createVerifier()
    const tokenBy = (signer: Signer) => {
      const claims = { iss: auth, aud: resource, agent, cnf: { jwk: third.jwk }, scope: 'read', exp: clock.now + 300 }
      return issueToken(january.tokens.auth, claims, { signer, now: () => clock.now })
    }
    expect(await verify(third, await tokenBy(first))).toBe(third.thumbprint)
    publish(second, `${auth}/jwks.json`)
    clock.now += 1
    expect(await verify(third, await tokenBy(second))).toBe(third.thumbprint)
    expect(await refusalCode(async () => verify(third, await tokenBy(stranger)))).toBe('auth_token_invalid')
    expect(fetches(`${auth}/jwks.json`)).toBe(2)
  })
})
