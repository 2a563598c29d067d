import { createSigner, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  agentId,
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  openConsent,
  openPerson,
  openPersonStage,
  pendingIn,
  poll,
  problemIn,
} from './person-stage.js'

describe('a person server', () => {
  it('refuses an issuer that no other party accepts', async () => {
    const keysOf = async (kid: string) =>
      fixedKeys({ signer: await createSigner(await generatePrivateJwk({ kid })), secret: new Uint8Array(32).fill(7) })
    const [keys, ownKeys] = [await keysOf('january'), await keysOf('person')]
    const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
    onTestFinished(() => storage.close())
    const open = (issuer: string) =>
      createAuthServer({ issuer, keys, storage }, januaryServer, draft11Server({ keys: ownKeys }))
    expect(() => open('https://auth.example:8443')).toThrow(/^draft11: .* change https:\/\/auth\.example:8443/)
  })

  it('publishes its document and its own keys', async () => {
    const stage = await openPersonStage()
    const read = async (path: string) => (await stage.fetch(stage.authServer + path)).json()
    expect(await read('/.well-known/aauth-person.json')).toEqual({
      issuer: stage.authServer,
      jwks_uri: `${stage.authServer}/person/jwks.json`,
      person_token_endpoint: `${stage.authServer}/person/token`,
      auth_token_endpoint: `${stage.authServer}/person/authorize`,
      revocation_endpoint: `${stage.authServer}/person/revoke`,
      name: 'auth.example',
      accept_signature_algs: ['Ed25519', 'ES256'],
      scopes_supported: ['openid', 'profile', 'email'],
      claims_supported: ['sub', 'name', 'preferred_username', 'email', 'email_verified'],
    })
    expect((await read('/person/jwks.json')).keys).toMatchObject([{ kid: 'person-1', alg: 'Ed25519' }])
  })

  it('issues a person token after the user allowed it, and then an auth token', async () => {
    const stage = await openPersonStage()
    const asked = await askPerson(stage)
    expect(asked.headers.get('cache-control')).toBe('no-store')
    expect(asked.headers.get('retry-after')).toBe('0')
    expect(await asked.clone().json()).toEqual({ status: 'pending' })
    const { location, page } = pendingIn(asked)
    expect(location).toMatch(/^https:\/\/auth\.example\/person\/pending\/aarq_[\w-]{43}$/)
    expect((await poll(stage, location)).status).toBe(202)
    const decided = await decide(stage, page, 'grant', { duration: '86400' })
    expect(await decided.text()).toContain('data-state="return-to-app"')
    const given = await poll(stage, location)
    expect(given.headers.get('cache-control')).toBe('no-store')
    const { person_token: person, expires_in: lifetime } = await given.json()
    expect(lifetime).toBe(3600)
    expect(decodeToken(person)).toMatchObject({
      header: { typ: 'aa-person+jwt', alg: 'Ed25519', kid: 'person-1' },
      payload: {
        iss: stage.authServer,
        aud: stage.resource.id,
        dwk: 'aauth-person.json',
        cnf: { jwk: { alg: 'Ed25519' } },
      },
    })
    expect(decodeToken(person)?.payload).not.toHaveProperty('scope')
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410, error: 'invalid_code' })
    const auth = pendingIn(await askAuth(stage, person))
    await decide(stage, auth.page)
    const { auth_token: token } = await (await poll(stage, auth.location)).json()
    expect(decodeToken(token)).toMatchObject({
      header: { typ: 'aa-auth+jwt' },
      payload: {
        aud: stage.resource.id,
        ps: stage.authServer,
        scope: 'data.read',
        sub: decodeToken(person)?.payload.sub,
      },
    })
    expect(decodeToken(token)?.payload.exp).toBeLessThanOrEqual(Number(decodeToken(person)?.payload.exp))
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('issues what the user has allowed at once, until it ends', async () => {
    const stage = await openPersonStage()
    const person = await obtainPerson(stage)
    const again = await askPerson(stage)
    expect(again.status).toBe(200)
    expect(decodeToken((await again.json()).person_token)?.payload.sub).toBe(decodeToken(person)?.payload.sub)
    const { location, page } = pendingIn(await askAuth(stage, person))
    await decide(stage, page)
    await poll(stage, location)
    const second = await askAuth(stage, person)
    expect(second.status).toBe(200)
    expect(decodeToken((await second.json()).auth_token)?.payload.scope).toBe('data.read')
    // More than that needs a page.
    expect((await askAuth(stage, person, { claims: { scope: 'data.read data.write' } })).status).toBe(202)
    stage.clock.now += 31 * 86_400
    expect((await askPerson(stage)).status).toBe(202)
  })

  it('reads the document of a resource that publishes no keys', async () => {
    const stage = await openPersonStage()
    Object.assign(stage.documents.resource, { name: 'Data Vault', jwks_uri: undefined })
    const { page } = await openPerson(stage)
    expect((await openConsent(stage, page)).html).toContain('Data Vault')
  })

  it('shows who asks, what the resource says and what the agent says', async () => {
    const stage = await openPersonStage()
    stage.documents.resource.name = 'Data Vault'
    stage.documents.resource.description = 'Keeps your *data*.'
    stage.documents.resource.access_mode = 'person-token'
    const { page, code } = await openPerson(stage, {
      justification: 'I need to\nread it.',
      platform: 'desktop',
      device: 'laptop',
    })
    const { html, url } = await openConsent(stage, page)
    expect(url).not.toContain(code)
    expect(url).toMatch(/\/person\/interact\?request=[\w-]+$/)
    const text = html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')
    for (const words of [
      code,
      agentId,
      'Test Agents',
      'Data Vault',
      'Keeps your *data*.',
      'read it.',
      'laptop',
      'This agent is new here',
      'Act as you there',
    ])
      expect(text).toContain(words)
    // An agent that acts as the user can do whatever the resource lets it, so no permission there is out of its reach.
    expect(text).not.toContain('(not asked for)')
  })
})
