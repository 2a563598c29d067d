import {
  createDiscovery,
  createKeyResolver,
  createSigner,
  type FetchDocument,
  generatePrivateJwk,
  issueToken,
} from 'countersign'
import { describe, expect, it } from 'vitest'
import { agentDocuments, documentFetch } from '../origins.js'
import { refusalCode } from '../refusal.js'

const agent = 'https://agent.example'
const other = 'https://other.example'
const resource = 'https://resource.example'
const jwksUri = `${agent}/jwks.json`
const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const newSigner = await createSigner(await generatePrivateJwk({ kid: 'key-2' }))
const now = () => 1_768_786_017

function agentWithKey() {
  const documents = agentDocuments(agent, [signer.jwk])
  const { fetch, asked } = documentFetch(documents)
  const discovery = createDiscovery({ fetch, now, failureTime: 'shortest' })
  return { documents, discovery, asked, find: (kid = 'key-1') => discovery.findKey('aauth-agent', agent, kid) }
}

const rotate = (documents: Record<string, object>) => {
  documents[jwksUri] = { keys: [newSigner.jwk] }
}

describe('forget: what was known of an identifier is gone at once', () => {
  it('K22: a key that was taken out is unknown, at hand or not', async () => {
    const { documents, discovery, asked, find } = agentWithKey()
    for (let times = 0; times < 2; times++) expect(await find()).toHaveProperty('found')
    rotate(documents)
    expect(discovery.peekKey('aauth-agent', agent, 'key-1')).toHaveProperty('thumbprint', signer.thumbprint)
    expect(await find()).toHaveProperty('found')
    discovery.forget(agent)
    expect(discovery.peekKey('aauth-agent', agent, 'key-1')).toBeUndefined()
    expect(await find()).toMatchObject({ failure: { reason: 'unknown_kid' } })
    expect(await find('key-2')).toMatchObject({ found: { thumbprint: newSigner.thumbprint } })
    expect(asked).toEqual([`${agent}/.well-known/aauth-agent`, jwksUri, `${agent}/.well-known/aauth-agent`, jwksUri])
  })

  it('the document too: another jwks_uri counts', async () => {
    const { documents, discovery, find } = agentWithKey()
    await find()
    documents[`${agent}/.well-known/aauth-agent`] = { agent, jwks_uri: `${agent}/new.json` }
    documents[`${agent}/new.json`] = { keys: [newSigner.jwk] }
    discovery.forget(agent)
    expect(await discovery.findMetadata('aauth-agent', agent)).toMatchObject({
      found: { jwks_uri: `${agent}/new.json` },
    })
    expect(await find()).toMatchObject({ failure: { reason: 'unknown_kid' } })
  })

  it('nothing is served stale, and other identifiers keep what is theirs', async () => {
    const documents = { ...agentDocuments(agent, [signer.jwk]), ...agentDocuments(other, [signer.jwk]) }
    let down = false
    const fetch: FetchDocument = async (url) =>
      down ? new Response('', { status: 503 }) : Response.json(documents[url as keyof typeof documents])
    const discovery = createDiscovery({ fetch, now, failureTime: 'shortest' })
    for (const id of [agent, other]) expect(await discovery.findKey('aauth-agent', id, 'key-1')).toHaveProperty('found')
    down = true
    discovery.forget(agent)
    expect(await discovery.findKey('aauth-agent', agent, 'key-1')).toMatchObject({ failure: { reason: 'unreachable' } })
    expect(await discovery.findKey('aauth-agent', other, 'key-1')).toHaveProperty('found')
  })

  it('what is on its way does not count, nor comes it over what was fetched later', async () => {
    const documents = agentDocuments(agent, [signer.jwk])
    const late: ((response: Response) => void)[] = []
    let held = true
    const fetch: FetchDocument = async (url) =>
      held && url === jwksUri ? new Promise((resolve) => late.push(resolve)) : Response.json(documents[url])
    const discovery = createDiscovery({ fetch, now, failureTime: 'shortest' })
    const early = discovery.findKey('aauth-agent', agent, 'key-1')
    await expect.poll(() => late).toHaveLength(1)
    discovery.forget(agent)
    held = false
    rotate(documents)
    const find = () => discovery.findKey('aauth-agent', agent, 'key-1')
    expect(await find()).toMatchObject({ failure: { reason: 'unknown_kid' } })
    late[0]?.(Response.json({ keys: [signer.jwk] }))
    expect(await early).toHaveProperty('found')
    expect(discovery.peekKey('aauth-agent', agent, 'key-1')).toBeUndefined()
    expect(await discovery.findKeyAt(jwksUri, 'key-2')).toHaveProperty('found')
    expect(await find()).toMatchObject({ failure: { reason: 'unknown_kid' } })
  })

  it('a key set that another identifier had fetched is fetched again', async () => {
    const shared = { ...agentDocuments(agent, [signer.jwk]) }
    shared[`${other}/.well-known/aauth-agent`] = { agent: other, jwks_uri: jwksUri }
    const { fetch } = documentFetch(shared)
    const discovery = createDiscovery({ fetch, now, failureTime: 'shortest' })
    expect(await discovery.findKey('aauth-agent', other, 'key-1')).toHaveProperty('found')
    rotate(shared)
    discovery.forget(agent)
    expect(await discovery.findKey('aauth-agent', agent, 'key-1')).toMatchObject({ failure: { reason: 'unknown_kid' } })
  })

  it('an agent token by a key that was taken out is refused', async () => {
    const { documents, discovery } = agentWithKey()
    const resolveKey = createKeyResolver({
      discovery,
      now,
      audience: resource,
      authTokenIssuers: [],
      absentWellKnown: 'aauth-agent',
    })
    const claims = { iss: agent, sub: 'delegate', exp: now() + 600, cnf: { jwk: newSigner.jwk } }
    const jwt = await issueToken('agent+jwt', claims, { signer, now })
    for (let times = 0; times < 2; times++)
      expect(await resolveKey({ scheme: 'jwt', jwt })).toMatchObject({ agent, delegate: 'delegate' })
    rotate(documents)
    expect(await resolveKey({ scheme: 'jwt', jwt })).toMatchObject({ agent })
    discovery.forget(agent)
    expect(await refusalCode(async () => resolveKey({ scheme: 'jwt', jwt }))).toBe('key_unknown')
  })
})
