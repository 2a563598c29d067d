import { createSigner, generatePrivateJwk, type PrivateJwk, type PublicJwk, type Signer } from 'countersign'
import { createAgent } from 'countersign/agent'
import { createDiscovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { jwkThumbprint, type KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { publishedKeyProblem } from '../../src/lib/jwk.js'
import jose from '../../vectors/jose.json' with { type: 'json' }
import rfc9421 from '../../vectors/rfc9421-appendix-b.json' with { type: 'json' }
import { agentDocuments, documentFetch, issuerDocuments } from '../origins.js'
import { refusal } from '../refusal.js'

const now = () => 1_768_786_017
const named = (jwk: object) => createSigner({ ...jwk, kid: 'key-1' } as PrivateJwk)
const own = await named(await generatePrivateJwk())
const examples: [string, Signer][] = [
  ['RFC 9421', await named({ ...rfc9421.keys['test-key-ed25519'], ...rfc9421.ed25519PrivateKey })],
  ...(await Promise.all(
    jose.signatures.map(
      async ({ name, jwk, d }): Promise<[string, Signer]> => [name.slice(0, 8), await named({ ...jwk, d })],
    ),
  )),
]
const [[, example] = ['', own]] = examples

interface World {
  resource: string
  agent: string
  auth: string
}
const far: World = {
  resource: 'https://resource.example',
  agent: 'https://agent.example',
  auth: 'https://auth.example',
}
const near: World = { resource: 'http://127.0.0.1:8002', agent: 'http://127.0.0.1:8001', auth: 'http://127.0.0.1:8003' }

interface Parts {
  agentSigner?: Signer
  issuerSigner?: Signer
  bound?: PublicJwk
}

type Slot = (world: World, parts: Required<Parts>) => Promise<KeyReference>

const token =
  (kind: 'agent+jwt' | 'auth+jwt'): Slot =>
  async ({ agent, auth, resource }, { agentSigner, issuerSigner, bound }) => {
    const claims = { exp: now() + 60, cnf: { jwk: bound } }
    const jwt =
      kind === 'agent+jwt'
        ? await issueToken(january.tokens.agent, { ...claims, iss: agent, sub: 'laptop' }, { signer: agentSigner, now })
        : await issueToken(
            january.tokens.auth,
            { ...claims, iss: auth, aud: resource, agent },
            { signer: issuerSigner, now },
          )
    return { scheme: 'jwt', jwt }
  }

const slots = {
  hwk: async (_world, { bound }) => {
    const { kid: _kid, ...jwk } = bound
    return { scheme: 'hwk', jwk: { ...jwk } as Record<string, string> }
  },
  'an agent’s keys': async ({ agent }) => ({ scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' }),
  'the URL of a JWKS': async ({ agent }) => ({ scheme: 'jwks', jwksUri: `${agent}/jwks.json`, kid: 'key-1' }),
  'agent+jwt': token('agent+jwt'),
  'auth+jwt': token('auth+jwt'),
} as const satisfies Record<string, Slot>

async function resolve(slot: Slot, world: World, parts: Parts) {
  const { agentSigner = own, issuerSigner = own, bound = own.jwk } = parts
  const identifiers = { allowInsecureLoopback: world === near }
  const { fetch } = documentFetch({
    ...agentDocuments(world.agent, [agentSigner.jwk]),
    ...issuerDocuments(world.auth, [issuerSigner.jwk]),
  })
  const keys = january.createKeyResolver({
    ...identifiers,
    discovery: createDiscovery({ ...identifiers, fetch, now, failureTime: 'shortest' }),
    now,
    audience: world.resource,
    authTokenIssuers: [world.auth],
    role: 'resource',
  })
  return keys.resolve(await slot(world, { agentSigner, issuerSigner, bound }))
}

const cases: [string, Slot, Parts, string][] = [
  ['hwk', slots.hwk, { bound: example.jwk }, 'key_invalid'],
  ['an agent’s keys', slots['an agent’s keys'], { agentSigner: example }, 'key_invalid'],
  ['the URL of a JWKS', slots['the URL of a JWKS'], { agentSigner: example }, 'key_invalid'],
  ['cnf of an agent+jwt', slots['agent+jwt'], { bound: example.jwk }, 'agent_token_invalid'],
  ['cnf of an auth+jwt', slots['auth+jwt'], { bound: example.jwk }, 'auth_token_invalid'],
  ['the current signing key an agent+jwt', slots['agent+jwt'], { agentSigner: example }, 'key_invalid'],
  ['the current signing key an auth+jwt', slots['auth+jwt'], { issuerSigner: example }, 'auth_token_invalid'],
]

describe('a key printed in a standard', () => {
  it.each(Object.entries(slots))('control: another key is accepted as %s', async (_name, slot) => {
    expect(await resolve(slot, far, {})).toHaveProperty('key.thumbprint', own.thumbprint)
  })

  it.each(cases)('is rejected as %s, and accepted on loopback', async (_name, slot, parts, code) => {
    expect(await refusal(() => resolve(slot, far, parts))).toMatchObject({ code, status: 401 })
    expect(await resolve(slot, near, parts)).toHaveProperty('key')
  })

  it.each(examples)('as %s: the error names its source and what to do', async (standard, signer) => {
    const { message } = await refusal(() => resolve(slots.hwk, far, { bound: signer.jwk }))
    expect(message).toContain(`it is an example in ${standard === 'RFC 8037' ? 'RFC 8032' : standard}`)
    expect(message).toContain('generate your own key')
  })

  it('starts no agent and no resource, except on loopback', () => {
    const agent = { authServers: [], onConsent: () => undefined }
    const message = 'the key of signer is an example in RFC 9421'
    expect(() => createAgent({ ...agent, id: far.agent, signer: example })).toThrow(message)
    expect(() => createResource({ id: far.resource, authServer: far.auth, signer: example })).toThrow(message)
    const allowInsecureLoopback = true
    expect(() => createAgent({ ...agent, id: far.agent, signer: example, allowInsecureLoopback })).toThrow(message)
    expect(createAgent({ ...agent, id: near.agent, signer: example, allowInsecureLoopback }).id).toBe(near.agent)
    const resource = { id: near.resource, authServer: near.auth, allowInsecureLoopback }
    expect(createResource({ ...resource, signer: example }).id).toBe(near.resource)
  })

  it.each([
    ...Object.entries(rfc9421.keys),
    ...jose.thumbprints.map(({ name, jwk }): [string, PublicJwk] => [name, jwk]),
    ...jose.signatures.map(({ name, jwk }): [string, PublicJwk] => [name, jwk]),
  ])('%s is recognized, whatever its other members are', async (_name, jwk) => {
    expect(publishedKeyProblem(await jwkThumbprint({ ...jwk, kid: 'mine', use: 'sig' }))).toBeDefined()
  })

  it('of RFC 9449, which prints its thumbprint as well, is recognized; a new key is not', async () => {
    expect(publishedKeyProblem('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I')).toContain('RFC 9449')
    expect(publishedKeyProblem(own.thumbprint)).toBeUndefined()
    // No entry of the table is shorter than the prefix that is compared.
    for (let length = 0; length < 7; length++) expect(publishedKeyProblem('0ZcOCOR'.slice(0, length))).toBeUndefined()
  })
})
