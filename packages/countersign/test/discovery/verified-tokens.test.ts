import { createSigner, type FetchDocument, generatePrivateJwk, type Signer } from 'countersign'
import { createDiscovery, type Discovery } from 'countersign/discovery'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { agentDocuments } from '../origins.js'
import { refusalCode } from '../refusal.js'

const agent = 'https://agent.example'
const jwksUri = `${agent}/jwks.json`
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const holder = await createSigner(await generatePrivateJwk())

/** Agents whose JWKS is held back if `held` is set, and a resolver that counts key lookups. */
function createWorld() {
  const clock = { now: 1_768_786_017 }
  const now = () => clock.now
  const documents = agentDocuments(agent, [signer.jwk])
  const held: ((response: Response) => void)[] = []
  const counted = { keys: 0, isHeld: false }
  const fetch: FetchDocument = async (url) =>
    counted.isHeld && url === jwksUri ? new Promise((resolve) => held.push(resolve)) : Response.json(documents[url])
  const discovery = createDiscovery({ fetch, now, failureTime: 'shortest' })
  const counting: Discovery = {
    ...discovery,
    peekKey(...reference) {
      counted.keys++
      return discovery.peekKey(...reference)
    },
  }
  const keys = january.createKeyResolver({
    discovery: counting,
    now,
    audience: 'https://resource.example',
    authTokenIssuers: [],
    role: 'resource',
  })
  const issue = (by: Signer, sub = 'laptop', exp = clock.now + 600) =>
    issueToken(january.tokens.agent, { iss: agent, sub, exp, cnf: { jwk: holder.jwk } }, { signer: by, now })
  const resolve = async (jwt: string) => keys.resolve({ scheme: 'jwt', jwt })
  return { clock, documents, held, counted, discovery, resolve, issue }
}

describe('verified tokens', () => {
  it('are cached for a minute, once their issuer’s key is cached', async () => {
    const { clock, counted, resolve, issue } = createWorld()
    const jwt = await issue(signer)
    const counts: number[] = []
    for (const after of [0, 0, 0, 59, 0, 1, 0]) {
      clock.now += after
      expect(await resolve(jwt)).toMatchObject({ agent, delegate: 'laptop', scheme: 'jwt' })
      counts.push(counted.keys)
    }
    expect(counts).toEqual([1, 2, 2, 2, 2, 3, 3])
  })

  it('are not cached beyond their expiry', async () => {
    const { clock, resolve, issue } = createWorld()
    const jwt = await issue(signer, 'laptop', clock.now + 10)
    for (let times = 0; times < 3; times++) expect(await resolve(jwt)).toMatchObject({ agent })
    clock.now += 9
    expect(await resolve(jwt)).toMatchObject({ agent })
    clock.now += 1
    expect(await refusalCode(() => resolve(jwt))).toBe('agent_token_expired')
  })

  it('are distinguished even if their signatures are identical', async () => {
    const { counted, resolve, issue } = createWorld()
    const jwt = await issue(signer)
    for (let times = 0; times < 3; times++) await resolve(jwt)
    const [header, , signature] = jwt.split('.')
    const [, payload] = (await issue(signer, 'another')).split('.')
    expect(await refusalCode(() => resolve([header, payload, signature].join('.')))).toBe('agent_token_invalid')
    expect(counted.keys).toBe(3)
  })
})
