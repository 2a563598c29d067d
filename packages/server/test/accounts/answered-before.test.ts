import { describe, expect, it, onTestFinished } from 'vitest'
import { allow, openRequest, redeem, view } from '../attacks/flow.js'
import { openMapStage, people, type Stage } from '../attacks/stage.js'
import { words } from '../pages/reading.js'
import { createPerson, see } from './person.js'

async function opened(): Promise<Stage> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  return stage
}

/** A user whose page was made for Alice, in a browser where Bob has signed in since. */
async function alicesPageWithBob(stage: Stage) {
  const request = await openRequest(stage)
  const { user, page } = await view(stage, request)
  await user.submit(page, request.url, { action: 'logout' })
  await view(stage, request, user, people.bob)
  const seen = await see(await user.submit(page, request.url, { consent: 'grant' }))
  return { request, person: createPerson(stage, user), seen, link: request.url.slice(stage.authServer.length) }
}

describe('a page that was made for another account', () => {
  it('continues as the user who is signed in now', async () => {
    const stage = await opened()
    const { person, seen } = await alicesPageWithBob(stage)
    expect(seen).toMatchObject({ status: 409, state: 'account_changed' })
    expect(words(seen.html)).toContain('Continue as bob')
    const href = /<a class="button" href="([^"]*)"/.exec(seen.html)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const consent = await person.open(href)
    expect(consent).toMatchObject({ status: 200, state: 'consent-first-time' })
    expect(words(consent.html)).toContain('Signed in as bob')
  })

  it('switches to the other account and keeps the request', async () => {
    const stage = await opened()
    const { request, person, seen } = await alicesPageWithBob(stage)
    const left = await see(await person.browser.submit(seen.html, request.url, { action: 'logout' }))
    const signIn = await person.follow(left)
    expect(signIn).toMatchObject({ status: 200, state: 'sign-in' })
    expect(signIn.html).toContain(new URL(stage.agent.id).host)
    const form = { ...people.alice, action: 'login' }
    const back = await see(await person.browser.submit(signIn.html, request.url, form))
    const consent = await person.follow(back)
    expect(words(consent.html)).toContain('Signed in as alice')
    const allowed = await person.browser.submit(consent.html, request.url, { consent: 'grant' })
    expect(allowed.headers.get('location')).toMatch(/^https:\/\/agent\.example\/callback\?.*code=aacd_/)
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
  })
})

describe('a request that was allowed in another tab', () => {
  async function allowedAndUsed(stage: Stage) {
    const allowed = await allow(stage)
    await redeem(stage, allowed)
    const person = createPerson(stage, allowed.user)
    const denied = await see(await person.browser.submit(allowed.page, allowed.url, { consent: 'deny' }))
    return { allowed, person, denied, link: allowed.url.slice(stage.authServer.length) }
  }

  const removalIn = (html: string) => /<a class="button[^"]*" href="(\/account\/agents\/[^"]*\/remove)"/.exec(html)?.[1]

  it('leads a user who then denies it to revoking the access', async () => {
    const stage = await opened()
    const { person, denied, link } = await allowedAndUsed(stage)
    expect(denied).toMatchObject({ status: 410, state: 'request_allowed' })
    const path = removalIn(denied.html) ?? ''
    const removed = await person.submit(path, { action: 'remove-agent' })
    expect(await person.follow(removed)).toMatchObject({ status: 200, state: 'agents-removed' })
    expect(await stage.storage.listGrants({ live: true })).toEqual([])
    const after = await person.open(link)
    expect(after).toMatchObject({ status: 410, state: 'request_allowed' })
    expect(removalIn(after.html)).toBeUndefined()
  })

  it('does not offer to revoke access of another copy of the agent', async () => {
    const stage = await opened()
    const { person, link } = await allowedAndUsed(stage)
    const [grant] = await stage.storage.listGrants({ live: true })
    const listGrants = stage.storage.listGrants.bind(stage.storage)
    stage.storage.listGrants = async (filter) =>
      (await listGrants(filter)).map((each) => (each.id === grant?.id ? { ...each, delegate: 'another copy' } : each))
    const seen = await person.open(link)
    expect(seen).toMatchObject({ state: 'request_allowed' })
    expect(removalIn(seen.html)).toBeUndefined()
  })

  it('shows another user in that browser only that the request was decided', async () => {
    const stage = await opened()
    const { person, link } = await allowedAndUsed(stage)
    await person.submit('/account', { action: 'logout' })
    const signedOut = await person.open(link)
    expect(signedOut).toMatchObject({ status: 410, state: 'request_allowed' })
    expect(removalIn(signedOut.html)).toBeUndefined()
    await person.submit('/account/sign-in', { ...people.bob, action: 'login' })
    const bobs = await person.open(link)
    expect(bobs).toMatchObject({ status: 410, state: 'request_used' })
    expect(bobs.html).not.toContain(new URL(stage.agent.id).host)
  })
})
