import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { signRequest } from 'countersign/signatures'
import { decodeToken, publishedJwk } from 'countersign/tokens'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import type { SignedEdition } from 'countersign-server/edition'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRequest } from '../attacks/flow.js'
import { openMapStage, people } from '../attacks/stage.js'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { ids } from '../world.js'
import { draft11 } from './draft-11/draft-11.js'
import { draft11Server } from './draft-11/draft-11-server.js'
import { agentToken, postTo } from './draft-11/stage.js'

const secret = new Uint8Array(32).fill(7)
const newSigner = async (kid: string, algorithm: 'ed25519' | 'ecdsa-p256-sha256' = 'ed25519') =>
  createSigner(await generatePrivateJwk({ kid, algorithm }))

const withKeys = (...signers: readonly Signer[]): SignedEdition => {
  const [signer, ...retired] = signers as [Signer]
  return { ...draft11Server, keys: fixedKeys({ signer, secret, retired: retired.map(({ jwk }) => jwk) }) }
}

async function openStage(signer?: Signer) {
  const own = signer ?? (await newSigner('second-1'))
  const reported: unknown[] = []
  const stage = await openMapStage({ others: [withKeys(own)], onError: (error) => reported.push(error) })
  onTestFinished(() => stage.close())
  const { origins, agent } = stage
  const january = origins?.get(agent.id)
  origins?.set(agent.id, async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/.well-known/aauth-agent.json')
      return Response.json({ issuer: agent.id, jwks_uri: `${agent.id}/second.json` })
    if (pathname === '/second.json')
      return Response.json({ keys: [publishedJwk(agent.signer.jwk, draft11.documents.agent.jose)] })
    return january?.(request) ?? Response.error()
  })
  const read = async (path: string) => (await stage.fetch(ids.authServer + path)).json()
  return { ...stage, own, reported, read }
}

async function requestPerson(stage: Awaited<ReturnType<typeof openStage>>): Promise<Response> {
  const { agent, clock } = stage
  const jwt = await agentToken({ clock, agentSigner: agent.signer } as never, { iss: agent.id, sub: subOf(agent.id) })
  const request = postTo('/person/token', { resource: stage.resource.id })
  const signatureKey = { scheme: 'jwt', jwt } as const
  return stage.fetch(
    await signRequest(request, { profile: draft11.signing, signer: agent.signer, signatureKey, created: clock.now }),
  )
}

const subOf = (agent: string) => `aauth:agent@${new URL(agent).host}`

describe('two editions in which agents sign, on one server', () => {
  it('each publish their own document and their own keys', async () => {
    const stage = await openStage()
    const first = await stage.read('/.well-known/aauth-issuer')
    const second = await stage.read('/.well-known/aauth-person.json')
    expect([first.jwks_uri, second.jwks_uri]).toEqual([
      `${ids.authServer}/jwks.json`,
      `${ids.authServer}/person/jwks.json`,
    ])
    const [ofFirst, ofSecond] = await Promise.all(['/jwks.json', '/person/jwks.json'].map(stage.read))
    expect(ofSecond.keys).toMatchObject([{ kid: 'second-1', alg: 'Ed25519' }])
    expect(ofFirst.keys.map(({ kid }: { kid: string }) => kid)).not.toContain('second-1')
  })

  it('name the algorithm that each key has, in the words of their edition', async () => {
    const stage = await openStage(await newSigner('second-1', 'ecdsa-p256-sha256'))
    expect((await stage.read('/person/jwks.json')).keys).toMatchObject([{ kid: 'second-1', alg: 'ES256' }])
  })

  it('refuse agents in the format of the edition whose path they call', async () => {
    const stage = await openStage()
    const first = await stage.fetch(`${ids.authServer}/agent/token`, { method: 'POST', body: 'x' })
    const second = await stage.fetch(`${ids.authServer}/person/token`, { method: 'POST', body: 'x' })
    expect([first.headers.get('content-type'), second.headers.get('content-type')]).toEqual([
      'application/json',
      'application/problem+json',
    ])
    const unknown = await stage.fetch(`${ids.authServer}/.well-known/unknown`)
    expect(unknown.headers.get('content-type')).toBe('application/json')
  })

  it('verify requests only at their own paths, and sign tokens only with their own key', async () => {
    const stage = await openStage()
    const response = await requestPerson(stage)
    expect(response.status).toBe(202)
    const [, url, code] = /url="([^"]+)";code="([^"]+)"/.exec(response.headers.get('aauth-requirement') ?? '') ?? []
    await decideAs(createScriptedUser(stage.fetch), `${url}?code=${code}`, 'grant', people.alice)
    expect(await stage.storage.listGrants()).toMatchObject([{ edition: 'draft-11', agent: stage.agent.id }])
    const { agent, clock } = stage
    const jwt = await agentToken({ clock, agentSigner: agent.signer } as never, { iss: agent.id, sub: subOf(agent.id) })
    const poll = await signRequest(new Request(response.headers.get('location') ?? ''), {
      profile: draft11.signing,
      signer: agent.signer,
      signatureKey: { scheme: 'jwt', jwt },
      created: clock.now,
    })
    const token = decodeToken((await (await stage.fetch(poll)).json()).person_token)
    expect(token?.header.kid).toBe('second-1')
    // January's agents and pages are unaffected.
    expect((await openRequest(stage)).requestToken).toMatch(/^aarq_/)
  })

  it('do not sign with each other’s keys', async () => {
    const signer = await newSigner('shared')
    const reported: unknown[] = []
    const keys = fixedKeys({ signer, secret })
    const stage = await openMapStage({
      keys,
      others: [withKeys(await newSigner('other'), signer)],
      onError: (error) => reported.push(error),
    })
    onTestFinished(() => stage.close())
    await expect
      .poll(() => reported)
      .toEqual([expect.objectContaining({ message: expect.stringContaining('shared is also one of another edition') })])
  })

  it('need their own keys, except the first one', async () => {
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    const options = { issuer: ids.authServer, keys: fixedKeys({ signer: await newSigner('k'), secret }), storage }
    expect(createAuthServer(options, draft11Server).metadata).toMatchObject({ issuer: ids.authServer })
    expect(() => createAuthServer(options, januaryServer, draft11Server)).toThrow(
      'the edition draft-11 needs its own keys',
    )
  })
})
