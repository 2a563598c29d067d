import { describe, expect, it, onTestFinished } from 'vitest'
import { openRequest } from '../attacks/flow.js'
import { openMapStage, people, type Stage } from '../attacks/stage.js'
import { words } from '../pages/reading.js'
import { createScriptedUser } from '../scripted-user.js'
import { allowAgent, createPerson, type Person, signedIn } from './person.js'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

async function opened(): Promise<{ stage: Stage; alice: Person; userId: string }> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const alice = await signedIn(stage)
  return { stage, alice, userId: (await stage.storage.findCredential('alice'))?.user.id ?? '' }
}

/** Somebody in a browser that says which one it is. */
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
  it('names the device of a sign-in, and of one that failed', async () => {
    const { stage, alice } = await opened()
    const elsewhere = inBrowser(stage, firefox)
    await elsewhere.submit('/account/sign-in', { action: 'login', username: 'alice', password: 'wrong' })
    await elsewhere.submit('/account/sign-in', { ...people.alice, action: 'login' })
    const told = await activityOf(alice)
    expect(told).toMatch(/You signed in\. [^.]* · Firefox, Linux/)
    expect(told).toMatch(/Somebody tried to sign in and could not\. [^.]* · Firefox, Linux/)
  })

  it('tells another device’s end from the person’s own', async () => {
    const { stage, alice } = await opened()
    const elsewhere = await signedIn(stage)
    const { html } = await alice.open('/account/security')
    const session = /name="session" value="([^"]*)"/.exec(html)?.[1] ?? ''
    await alice.submit('/account/security', { action: 'end-session', session })
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    expect(await activityOf(alice)).toContain('You signed out another device.')
    expect(await activityOf(alice)).not.toContain('You signed out.')
  })

  it('tells what the server removed from what the person did', async () => {
    const { stage, alice, userId } = await opened()
    const { id } = await allowAgent(alice)
    await allowAgent(alice, stage.otherAgent)
    await alice.submit(`/account/agents/${id}/remove`, { action: 'remove-agent' })
    await stage.storage.revokeGrants({ userId, by: 'operator' })
    const told = await activityOf(alice)
    expect(told).toContain('You removed agent.example from api.example.')
    expect(told).toContain('The people who run this server removed other-agent.example from api.example.')
  })

  it('says when nothing was asked, because it had been allowed before', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    await alice.browser.open((await openRequest(stage)).url)
    expect(await activityOf(alice)).toContain('agent.example asked again for what you had allowed at api.example.')
  })
})
