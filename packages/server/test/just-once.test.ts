import { decodeToken } from 'countersign/tokens'
import { policyOfRules } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { person, prompted, remove, tokenOf } from './just-once.js'
import { createScriptedUser, decideAs, signInToAccount } from './scripted-user.js'
import { createWorld, ids } from './world.js'

describe('a permission that a user gives just this once', () => {
  it('makes the call, and nothing is kept of it', async () => {
    const { world, pages } = await prompted()
    expect((await remove(world)).status).toBe(200)
    const claims = decodeToken(tokenOf(world))?.payload
    expect(claims).toMatchObject({ scope: 'data.delete', call: { method: 'DELETE', target: `${ids.resource}/data` } })
    expect(pages[0]).toMatch(/allows only .*DELETE https:\/\/api\.example\/data/s)
    expect(await world.agent.tokens()).toEqual([])
    const [grant] = await world.storage.listGrants()
    expect(grant).toMatchObject({ remembered: false, call: { method: 'DELETE', target: `${ids.resource}/data` } })
    const answers = await Promise.all(
      world.sent.filter(({ url }) => url.endsWith('/agent/token')).map((request) => request.text()),
    )
    expect(answers.some((form) => form.includes('request_type=refresh'))).toBe(false)
    const user = createScriptedUser(world.fetch)
    await signInToAccount(user, ids.authServer, person)
    expect(await (await user.open(`${ids.authServer}/account`)).text()).toContain('DELETE https://api.example/data')
    expect(await (await user.open(`${ids.authServer}/account/activity`)).text()).toContain('just once')
  })

  it('is asked for again for the next call', async () => {
    const { world, pages } = await prompted()
    await remove(world, '/data?id=1')
    expect((await remove(world, '/data?id=2')).status).toBe(200)
    expect(pages).toHaveLength(2)
  })

  it.each([
    ['different', '/data?id=2'],
    ['identical', '/data?id=1'],
  ])('gives each of two %s calls at the same time its own permission', async (_how, second) => {
    const { world, pages } = await prompted()
    const responses = await Promise.all([remove(world, '/data?id=1'), remove(world, second)])
    expect(responses.map(({ status }) => status)).toEqual([200, 200])
    expect(pages).toHaveLength(2)
  })

  it('waits for the same call if the request was aborted before the user decided, and for no other', async () => {
    const asked: string[] = []
    const world = await createWorld({ onConsent: (_world, url) => void asked.push(url) })
    const abort = new AbortController()
    const first = remove(world, '/data?id=1', { signal: abort.signal })
    await expect.poll(() => asked.length).toBe(1)
    abort.abort()
    await expect(first).rejects.toThrow()
    const user = createScriptedUser(world.fetch)
    await user.open(await decideAs(user, asked[0] ?? '', 'grant'))
    expect(await world.agent.tokens()).toEqual([])
    const others = new AbortController()
    const other = remove(world, '/data?id=2', { signal: others.signal })
    await expect.poll(() => asked.length).toBe(2)
    expect((await remove(world, '/data?id=1')).status).toBe(200)
    expect(asked).toHaveLength(2)
    const again = remove(world, '/data?id=1', { signal: others.signal })
    await expect.poll(() => asked.length).toBe(3)
    others.abort()
    await expect(other).rejects.toThrow()
    await expect(again).rejects.toThrow()
  })

  it('is not given if the user chooses an hour', async () => {
    const { world, pages } = await prompted('3600')
    await remove(world, '/data?id=1')
    expect((await remove(world, '/data?id=2')).status).toBe(200)
    expect(pages).toHaveLength(1)
    expect(decodeToken(tokenOf(world))?.payload).not.toHaveProperty('call')
  })

  it('is not offered where nothing is deleted or spent', async () => {
    const { world, pages } = await prompted()
    await world.agent.fetch(`${ids.resource}/read`)
    expect(pages[0]).not.toContain('Just this once')
  })

  it('is the only choice if a policy requires it', async () => {
    const policy = policyOfRules([{ agent: '*', decision: 'ask-once' }])
    const { world, pages } = await prompted('3600', { server: { policy } })
    await remove(world, '/data?id=1')
    await remove(world, '/data?id=2')
    expect(pages).toHaveLength(2)
    expect(pages[0]).not.toContain('type="radio"')
  })

  it('is denied by such a policy if the resource names no call', async () => {
    const policy = policyOfRules([{ agent: '*', decision: 'ask-once' }])
    const { world } = await prompted(undefined, { server: { policy } })
    await expect(remove(world, `/data?${'x'.repeat(2100)}`)).rejects.toMatchObject({ code: 'access_denied' })
  })

  it('shows a long or hostile URL cut and as text', async () => {
    const { world, pages } = await prompted()
    await remove(world, `/data?<img src=x>${'y'.repeat(500)}`)
    expect(pages[0]).not.toContain('<img src=x')
    expect(pages[0]).toMatch(/DELETE https:\/\/api\.example\/data\?[^<]{10,200}…/)
  })
})
