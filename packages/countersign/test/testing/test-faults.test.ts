import type { CountersignEvent } from 'countersign'
import { createTestWorld, type TestFault } from 'countersign/testing'
import { describe, expect, it } from 'vitest'
import { api, creating, openApi } from './world-api.js'

/** The status with which the resource itself refuses each fault, and the code. */
const refusals: Record<TestFault, [status: number, code: string]> = {
  unsigned: [401, 'signature_missing'],
  'key-only': [401, 'identity_required'],
  'no-token': [401, 'authorization_required'],
  'other-key': [401, 'signature_mismatch'],
  'old-signature': [401, 'signature_created_outside_window'],
  'changed-body': [401, 'digest_mismatch'],
  replayed: [401, 'nonce_replayed'],
  'expired-token': [401, 'auth_token_expired'],
  'early-token': [401, 'auth_token_invalid'],
  'narrow-token': [403, 'scope_insufficient'],
  'wrong-audience': [401, 'auth_token_invalid'],
  'wrong-issuer': [401, 'auth_token_invalid'],
  'forged-token': [401, 'auth_token_invalid'],
  'stolen-token': [401, 'signature_mismatch'],
  'revoked-token': [401, 'auth_token_invalid'],
}

describe('one request with one fault', () => {
  it.each(Object.entries(refusals))('is refused: %s', async (fault, [status, code]) => {
    const world = await createTestWorld()
    const events: CountersignEvent[] = []
    const { served } = openApi(world, { denyList: {}, onEvent: (event) => void events.push(event) })
    const agent = await world.agent()
    const response = await agent.send(fault as TestFault, `${api}/both`, creating)
    expect(response.status).toBe(status)
    const refused = events.filter((event) => event.kind === 'refusal').at(-1)
    expect(refused).toMatchObject({ code })
    // The original of a replayed request is handled normally.
    expect(served).toEqual(fault === 'replayed' ? ['/both'] : [])
  })

  it('accepts the same request without a fault', async () => {
    const world = await createTestWorld()
    openApi(world, { denyList: {} })
    const agent = await world.agent()
    const response = await agent.fetch(`${api}/both`, creating)
    expect(await response.json()).toEqual({ scope: ['events.read', 'events.write'] })
  })

  it('revokes a token only for an API that has a denyList', async () => {
    const world = await createTestWorld()
    openApi(world)
    const agent = await world.agent()
    expect((await agent.send('revoked-token', `${api}/events`)).status).toBe(200)
  })

  it('revokes the token even if the API has already fetched the revocation list', async () => {
    const world = await createTestWorld()
    openApi(world, { denyList: {} })
    const agent = await world.agent()
    await agent.fetch(`${api}/events`)
    expect((await agent.send('revoked-token', `${api}/events`)).status).toBe(401)
    expect((await agent.fetch(`${api}/events`)).status).toBe(200)
    expect(agent.person.asked).toHaveLength(1)
  })

  it('is about the agent where the route does not require a token, and its handler does not run', async () => {
    const world = await createTestWorld()
    const { served } = openApi(world)
    const agent = await world.agent()
    for (const fault of ['other-key', 'old-signature', 'changed-body'] as const)
      expect((await agent.send(fault, `${api}/known`, creating)).status).toBe(401)
    expect(served).toEqual([])
    expect((await agent.send('no-token', `${api}/known`, creating)).status).toBe(200)
    expect((await agent.send('key-only', `${api}/signed`)).status).toBe(200)
  })

  it('throws an error if the route does not check for the fault', async () => {
    const world = await createTestWorld()
    openApi(world)
    const agent = await world.agent()
    await expect(agent.send('expired-token', `${api}/signed`)).rejects.toThrow('does not require a token')
    await expect(agent.send('old-signature', `${api}/open`)).rejects.toThrow('the route verifies nothing')
    await expect(agent.send('replayed', `${api}/events`)).rejects.toThrow('a GET request has no nonce')
    await expect(agent.send('changed-body', `${api}/events`)).rejects.toThrow('requires a request with a body')
    await expect(agent.send('expired' as TestFault, `${api}/events`)).rejects.toThrow('unknown fault: expired')
  })

  it('says what an API that was not given the world is missing', async () => {
    const world = await createTestWorld()
    openApi(world, { authServer: 'https://another.test' })
    const agent = await world.agent()
    await expect(agent.send('expired-token', `${api}/events`)).rejects.toThrow('use the authServer, fetch and now')
  })
})
