import { describe, expect, it } from 'vitest'
import { newSigner } from '../../attacks/party.js'
import { createScriptedUser } from '../../scripted-user.js'
import {
  agentId,
  askPerson,
  cancel,
  decide,
  openConsent,
  openPerson,
  openPersonStage,
  type Pending,
  type PersonStage,
  poll,
  problemIn,
  send,
} from './person-stage.js'

describe('a pending request', () => {
  it('exists only for the agent and key that made it', async () => {
    const stage = await openPersonStage()
    const { location } = await openPerson(stage)
    const others = [{ signer: await newSigner() }, { sub: 'aauth:other@agent.example' }]
    for (const other of others)
      for (const call of [poll(stage, location, other), cancel(stage, location, other)])
        expect(await problemIn(await call)).toMatchObject({ status: 404, error: 'invalid_request' })
    expect(await problemIn(await poll(stage, `${location}x`))).toMatchObject({ status: 404 })
    expect((await poll(stage, location)).status).toBe(202)
  })

  it('is not decided by anyone who polls: the answer stays pending, then interacting', async () => {
    const stage = await openPersonStage()
    const { location, page, url, code } = await openPerson(stage)
    const first = await poll(stage, location)
    expect(first.headers.get('aauth-requirement')).toBe(`requirement=interaction;url="${url}";code="${code}"`)
    expect(await first.json()).toEqual({ status: 'pending' })
    await openConsent(stage, page)
    const second = await poll(stage, location)
    expect(second.headers.get('aauth-requirement')).toBe('requirement=approval')
    expect(second.headers.get('retry-after')).toBe('5')
    expect(await second.json()).toEqual({ status: 'interacting' })
  })

  it('is polled too fast if two polls that do not wait are less than two seconds apart', async () => {
    const stage = await openPersonStage()
    const { location } = await openPerson(stage)
    const at = () => send(stage, new Request(location))
    expect((await at()).status).toBe(202)
    stage.clock.now += 1
    const refused = await at()
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await problemIn(refused)).toMatchObject({ status: 429, error: 'slow_down' })
    stage.clock.now += 1
    expect((await at()).status).toBe(202)
  })

  it('is held until the user opens it, and then until the user decides', async () => {
    const stage = await openPersonStage()
    const { location, page } = await openPerson(stage)
    const opened = poll(stage, location, { wait: 20 })
    const { user, html, url } = await openConsent(stage, page)
    const interacting = await opened
    expect(interacting.headers.get('retry-after')).toBe('0')
    expect(await interacting.json()).toEqual({ status: 'interacting' })
    const decided = poll(stage, location, { wait: 20 })
    await user.submit(html, url, { consent: 'grant' })
    expect((await decided).status).toBe(200)
  })

  it('holds only its newest poll: the others count as polls that do not wait', async () => {
    const stage = await openPersonStage()
    const { location } = await openPerson(stage)
    const first = poll(stage, location, { wait: 20 })
    const second = poll(stage, location, { wait: 20 })
    const early = await Promise.race([first, second])
    expect([early.status, early.headers.get('retry-after')]).toEqual([202, '5'])
    const third = poll(stage, location, { wait: 20 })
    const refused = (await Promise.all([first, second])).find((each) => each !== early)
    expect(refused?.headers.get('retry-after')).toBe('5')
    expect(await problemIn(refused ?? Response.error())).toMatchObject({ status: 429, error: 'slow_down' })
    await cancel(stage, location)
    expect(await problemIn(await third)).toMatchObject({ status: 410 })
  })

  it('is recorded for each token of a poll once', async () => {
    const recorded: object[] = []
    const stage = await openPersonStage({
      wrap: (storage) => ({
        ...storage,
        recordPoll: (polled) => {
          recorded.push(polled)
          return storage.recordPoll(polled)
        },
      }),
    })
    const { location, page } = await openPerson(stage)
    for (const jti of ['one', 'one', 'two', 'one']) expect((await poll(stage, location, { jti })).status).toBe(202)
    await decide(stage, page, 'deny')
    expect((await poll(stage, location, { jti: 'three' })).status).toBe(403)
    const polled = { pollHash: expect.stringMatching(/^[\w-]{43}$/), agent: stage.agent.id, delegate: agentId }
    expect(recorded).toMatchObject(['one', 'two'].map((jti) => ({ ...polled, agentToken: { jti } })))
  })

  it('is no longer held for an agent that has disconnected', async () => {
    const connection = new AbortController()
    const stage = await openPersonStage()
    const { location } = await openPerson(stage)
    const { fetch } = stage
    const connected = { ...stage, fetch: (input: RequestInfo | URL) => fetch(input, { signal: connection.signal }) }
    const held = poll(connected, location, { wait: 20 })
    connection.abort()
    expect((await held).headers.get('retry-after')).toBe('5')
  })

  it('ends with what the user decided, once', async () => {
    const stage = await openPersonStage()
    const { location, page } = await openPerson(stage)
    await decide(stage, page, 'deny')
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 403, error: 'denied' })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410, error: 'invalid_code' })
  })

  it('expires if no one opens it within ten minutes, and is abandoned if the user does not decide', async () => {
    const stage = await openPersonStage()
    const unopened = await openPerson(stage)
    const opened = await openPerson(stage)
    stage.clock.now += 500
    await openConsent(stage, opened.page)
    stage.clock.now += 100
    expect(await problemIn(await poll(stage, unopened.location))).toMatchObject({ status: 408, error: 'expired' })
    expect((await poll(stage, opened.location)).status).toBe(202)
    stage.clock.now += 200
    expect(await problemIn(await poll(stage, opened.location))).toMatchObject({ status: 403, error: 'abandoned' })
    expect(await problemIn(await poll(stage, opened.location))).toMatchObject({ status: 410 })
  })

  it('is ended by its agent, and then no user can decide', async () => {
    const stage = await openPersonStage()
    const { location, page } = await openPerson(stage)
    expect((await cancel(stage, location)).status).toBe(204)
    expect(await problemIn(await cancel(stage, location))).toMatchObject({ status: 410 })
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 410 })
    const { html } = await openConsent(stage, page)
    expect(html).toContain('data-state="request_used"')
  })

  it.each([
    ['as it is', async () => undefined],
    [
      'after a wrong code and the right one',
      async (stage: PersonStage, { page, code }: Pending) => {
        await createScriptedUser(stage.fetch).open(
          page.replace(code, `${code.slice(0, -1)}${code.endsWith('2') ? 3 : 2}`),
        )
        await openConsent(stage, page)
      },
    ],
  ])('is abandoned if a program ends it: %s', async (_when, open) => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    await open(stage, pending)
    expect(await stage.storage.abandonRequests({ agent: stage.agent.id, by: 'program' })).toBe(1)
    expect(await problemIn(await poll(stage, pending.location))).toMatchObject({ status: 403, error: 'abandoned' })
  })

  it('keeps an undelivered decision for five minutes; then the grant answers', async () => {
    const stage = await openPersonStage()
    const { location, page } = await openPerson(stage)
    await decide(stage, page)
    stage.clock.now += 301
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 408, error: 'expired' })
    expect((await askPerson(stage)).status).toBe(200)
  })

  it('has a URL at which other methods are refused', async () => {
    const stage = await openPersonStage()
    const { location } = await openPerson(stage)
    const response = await send(stage, new Request(location, { method: 'POST', body: '{}' }))
    expect(response.headers.get('allow')).toBe('GET, DELETE')
    expect(await problemIn(response)).toMatchObject({ status: 405, error: 'invalid_request' })
  })
})
