import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { draft11AgentSigning } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allow, redeem } from '../attacks/flow.js'
import { openMapStage } from '../attacks/stage.js'
import { ids } from '../world.js'
import {
  agentToken,
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  openPerson,
  openPersonStage,
  poll,
  problemIn,
} from './draft-11/person-stage.js'

const secret = new Uint8Array(32).fill(7)
const newSigner = async (kid: string, algorithm: 'ed25519' | 'ecdsa-p256-sha256' = 'ed25519') =>
  createSigner(await generatePrivateJwk({ kid, algorithm }))

const withKeys = (signer: Signer, ...retired: readonly Signer[]) =>
  draft11Server({ keys: fixedKeys({ signer, secret, retired: retired.map(({ jwk }) => jwk) }) })

describe('two editions in which agents sign, on one server', () => {
  it('each publish their own document and their own keys', async () => {
    const stage = await openPersonStage()
    const read = async (path: string) => (await stage.fetch(stage.authServer + path)).json()
    const first = await read('/.well-known/aauth-issuer')
    const second = await read('/.well-known/aauth-person.json')
    expect([first.jwks_uri, second.jwks_uri]).toEqual([
      `${ids.authServer}/jwks.json`,
      `${ids.authServer}/person/jwks.json`,
    ])
    const [ofFirst, ofSecond] = await Promise.all(['/jwks.json', '/person/jwks.json'].map(read))
    expect(ofSecond.keys).toMatchObject([{ kid: 'person-1', alg: 'Ed25519' }])
    expect(ofFirst.keys.map(({ kid }: { kid: string }) => kid)).not.toContain('person-1')
  })

  it('name the algorithm that each key has, in the words of their edition', async () => {
    const stage = await openMapStage({ others: [withKeys(await newSigner('other', 'ecdsa-p256-sha256'))] })
    onTestFinished(() => stage.close())
    const published = await (await stage.fetch(`${stage.authServer}/person/jwks.json`)).json()
    expect(published.keys).toMatchObject([{ kid: 'other', alg: 'ES256' }])
  })

  it('refuse agents in the format of the edition whose path they call', async () => {
    const stage = await openPersonStage()
    const typeOf = async (path: string) =>
      (await stage.fetch(stage.authServer + path, { method: 'POST', body: 'x' })).headers.get('content-type')
    expect(await typeOf('/agent/token')).toBe('application/json')
    expect(await typeOf('/person/token')).toBe('application/problem+json')
    const unknown = await stage.fetch(`${stage.authServer}/.well-known/unknown`)
    expect(unknown.headers.get('content-type')).toBe('application/json')
  })

  it('share accounts, pages and the list of agents, but no grant', async () => {
    const stage = await openPersonStage()
    const first = await redeem(stage, await allow(stage))
    expect(first.status).toBe(200)
    expect((await askPerson(stage)).status).toBe(202)
    await obtainPerson(stage)
    const grants = await stage.storage.listGrants({ agent: stage.agent.id, live: true })
    expect(new Set(grants.map(({ edition }) => edition))).toEqual(new Set(['january', 'draft-11']))
    expect(new Set(grants.map(({ userId }) => userId)).size).toBe(1)
    await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'operator' })
    expect((await askPerson(stage)).status).toBe(403)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('do not accept each other’s requests', async () => {
    const stage = await openPersonStage()
    const { agent, clock } = stage
    const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    const signed = {
      january: async (path: string) =>
        signRequest(new Request(stage.authServer + path, body), {
          profile: january.signing,
          signer: agent.signer,
          signatureKey: { scheme: 'jwks', id: agent.id, kid: agent.signer.kid, wellKnown: 'aauth-agent' },
          created: clock.now,
        }),
      other: async (path: string) =>
        signRequest(new Request(stage.authServer + path, body), {
          profile: draft11AgentSigning,
          signer: agent.signer,
          signatureKey: { scheme: 'jwt', jwt: await agentToken(stage) },
          created: clock.now,
        }),
    }
    for (const path of ['/person/token', '/person/authorize', '/person/revoke']) {
      const refused = await problemIn(await stage.fetch(await signed.january(path)))
      expect(refused).toMatchObject({ status: 401, error: 'invalid_signature' })
    }
    for (const path of ['/agent/token', '/agent/revoke']) {
      const refused = await stage.fetch(await signed.other(path))
      expect([refused.status, (await refused.json()).error]).toEqual([401, 'invalid_signature'])
    }
  })

  it('do not accept each other’s tokens', async () => {
    const stage = await openPersonStage()
    const person = await obtainPerson(stage)
    const { auth_token: auth } = await (await redeem(stage, await allow(stage))).json()
    expect(decodeToken(auth)?.header.typ).toBe('auth+jwt')
    expect(await problemIn(await askAuth(stage, person, { presented_token: auth }))).toMatchObject({
      status: 400,
      error: 'invalid_presented_token',
    })
    expect(await problemIn(await askPerson(stage, {}, { jwt: auth }))).toMatchObject({
      status: 401,
      error: 'invalid_jwt',
    })
  })

  it('find no request by the other’s link', async () => {
    const stage = await openPersonStage()
    const { code, location, page } = await openPerson(stage)
    const query = new URLSearchParams({ request_token: code, redirect_uri: `${stage.agent.id}/callback` })
    const found = await stage.fetch(`${stage.authServer}/agent/auth?${query}`)
    expect(await found.text()).toContain('data-state="request_unknown"')
    await decide(stage, page)
    expect((await poll(stage, location)).status).toBe(200)
  })

  it('do not sign with each other’s keys', async () => {
    const reported: unknown[] = []
    const signer = await newSigner('shared')
    const stage = await openMapStage({
      keys: fixedKeys({ signer, secret }),
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
    const keyless = { ...withKeys(await newSigner('x')), keys: undefined }
    expect(createAuthServer(options, keyless).metadata).toMatchObject({ issuer: ids.authServer })
    expect(() => createAuthServer(options, januaryServer, keyless)).toThrow('the edition draft-11 needs its own keys')
  })
})
