import { describe, expect, it, onTestFinished } from 'vitest'
import { allow, openRequest, redeem, view } from '../attacks/flow.js'
import { delegateOf, identityOf } from '../attacks/party.js'
import { openMapStage, people, type Stage } from '../attacks/stage.js'
import { expectOrder, words } from '../pages/reading.js'
import { createScriptedUser } from '../scripted-user.js'
import { allowAgent, createPerson, type Person, signedIn } from './person.js'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

async function opened(): Promise<{ stage: Stage; alice: Person; userId: string }> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const alice = await signedIn(stage)
  return { stage, alice, userId: (await stage.storage.findCredential('alice'))?.user.id ?? '' }
}

/** A user whose browser sends this user agent. */
function inBrowser(stage: Stage, userAgent: string): Person {
  const fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init)
    request.headers.set('user-agent', userAgent)
    return stage.fetch(request)
  }
  return createPerson(stage, createScriptedUser(fetch))
}

const activityOf = async (person: Person) => words((await person.open('/account/activity')).html)

describe('activity', () => {
  it('names the device of a sign-in and of a failed sign-in', async () => {
    const { stage, alice } = await opened()
    const elsewhere = inBrowser(stage, firefox)
    await elsewhere.submit('/account/sign-in', { action: 'login', username: 'alice', password: 'wrong' })
    await elsewhere.submit('/account/sign-in', { ...people.alice, action: 'login' })
    const told = await activityOf(alice)
    expect(told).toMatch(/You signed in\. [^.]* · Firefox, Linux/)
    expect(told).toMatch(/Failed sign-in attempt\. [^.]* · Firefox, Linux/)
  })

  it('stores at most 256 characters of a user agent', async () => {
    const { stage, userId } = await opened()
    const long = inBrowser(stage, 'x'.repeat(300))
    await long.submit('/account/sign-in', { ...people.alice, action: 'login' })
    const agents = (await stage.storage.listSessions({ userId })).map(({ userAgent }) => userAgent?.length)
    expect(agents).toContain(256)
  })

  it('distinguishes signing out another device from signing out this one', async () => {
    const { stage, alice } = await opened()
    const elsewhere = await signedIn(stage)
    const { html } = await alice.open('/account/security')
    const session = /name="session" value="([^"]*)"/.exec(html)?.[1] ?? ''
    await alice.submit('/account/security', { action: 'end-session', session })
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    expect(await activityOf(alice)).toContain('You signed out another device.')
    expect(await activityOf(alice)).not.toContain('You signed out.')
  })

  it('shows on an agent’s page what it did at one resource, no matter how busy it is elsewhere', async () => {
    const { stage, alice, userId } = await opened()
    await redeem(stage, await allow(stage, undefined, {}, { user: alice.browser }))
    const [grant] = await stage.storage.listGrants()
    const about = { userId, agent: stage.agent.id }
    for (let count = 0; count < 60; count++) {
      await stage.storage.recordEvent({ ...about, event: 'code.redeemed', resource: stage.otherResource.id })
      await stage.storage.recordEvent({ ...about, event: 'refresh.foreign_agent', resource: stage.resource.id })
    }
    const shown = words((await alice.open(`/account/agents/${grant?.id}`)).html)
    expect(shown).toContain('used its access')
    expect(shown).toContain('You gave agent.example access to api.example')
  })

  it('names the delegate that an event concerns, as do the list and the revocation page', async () => {
    const { stage, alice } = await opened()
    const laptop = await delegateOf(stage.agent, 'laptop-7', stage.clock.now)
    const phone = await delegateOf(stage.agent, 'phone-1', stage.clock.now)
    const refused = await openRequest(stage, phone)
    const { page } = await view(stage, refused, alice.browser)
    await alice.browser.submit(page, refused.url, { consent: 'deny' })
    const asked = { scope: 'data.write' }
    await redeem(stage, await allow(stage, laptop, {}, { asked, user: alice.browser }))
    const copy = 'agent.example (copy “laptop-7”)'
    const [grant] = await stage.storage.listGrants()
    const read = async (path: string) => words((await alice.open(path)).html)
    expect(await read('/account')).toContain(`Remove access of ${copy} at api.example`)
    expect(await read(`/account/agents/${grant?.id}`)).toContain(`${copy} at api.example`)
    expect(await read('/account/remove-all')).toContain(`${copy} at api.example`)
    const removal = `/account/agents/${grant?.id}/remove`
    expect(await read(removal)).toContain(`Remove access for ${copy}?`)
    await alice.submit(removal, { action: 'remove-agent' })
    expectOrder(await read('/account/activity'), [
      `You removed access to api.example for ${copy}`,
      `${copy} used its access`,
      `You gave ${copy} access`,
      'You didn’t give agent.example (copy “phone-1”) access',
    ])
  })

  it('links each agent to its page, which does not link to itself', async () => {
    const { stage, alice, userId } = await opened()
    await redeem(stage, await allow(stage, undefined, {}, { user: alice.browser }))
    await stage.storage.recordEvent({
      userId,
      event: 'code.redeemed',
      agent: 'https://other.example',
      resource: 'https://x.example',
    })
    const [grant] = await stage.storage.listGrants()
    const link = `<a href="/account/agents/${grant?.id}">`
    const { html } = await alice.open('/account/activity')
    expect(html.split(link)).toHaveLength(3)
    expect(words(html)).toContain('other.example used its access')
    expect(html.match(/<a href="\/account\/agents\//g)).toHaveLength(2)
    const page = await alice.open(`/account/agents/${grant?.id}`)
    expect([page.status, page.html.includes(link)]).toEqual([200, false])
  })

  it('distinguishes revocations by the server from the user’s own', async () => {
    const { stage, alice, userId } = await opened()
    const { id } = await allowAgent(alice)
    await allowAgent(alice, stage.otherAgent)
    await alice.submit(`/account/agents/${id}/remove`, { action: 'remove-agent' })
    await stage.storage.revokeGrants({ userId, by: 'operator' })
    const told = await activityOf(alice)
    expect(told).toContain('You removed access to api.example for agent.example.')
    expect(told).toContain('An administrator removed access to api.example for other-agent.example.')
  })

  it.each([
    ['the user', 'person', 'You removed access to api.example for agent.example.'],
    ['the server', 'operator', 'An administrator removed access to api.example for agent.example.'],
  ])('lists grants that %s revoked together as one event, however many there were', async (_who, by, sentence) => {
    const { stage, alice, userId } = await opened()
    for (let times = 0; times < 3; times += 1) await allow(stage, identityOf(stage.agent), {}, { user: alice.browser })
    await allowAgent(alice, stage.otherAgent)
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(4)
    const remove = () => stage.storage.revokeGrants({ userId, by: by === 'person' ? userId : by })
    expect(await remove()).toBe(4)
    const told = async () => (await activityOf(alice)).split(sentence).length - 1
    expect(await told()).toBe(1)
    expect(await activityOf(alice)).toContain(sentence.replace('agent', 'other-agent'))
    stage.clock.now += 61
    await allow(stage, identityOf(stage.agent), {}, { user: alice.browser })
    await remove()
    expect(await told()).toBe(2)
  })

  it('reports a request that needed no consent because it had been allowed before', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    await alice.browser.open((await openRequest(stage)).url, { referer: `${stage.agent.id}/` })
    expect(await activityOf(alice)).toContain(
      'agent.example asked again for access to api.example that you had already given.',
    )
  })
})
