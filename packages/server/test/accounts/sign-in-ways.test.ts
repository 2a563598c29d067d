import { expect, it, onTestFinished } from 'vitest'
import { openAccount, signedIn } from './person.js'

async function opened() {
  const account = await openAccount()
  onTestFinished(() => account.stage.close())
  const [user] = await account.stage.storage.listUsers({ query: 'alice' })
  return { ...account, userId: user?.id ?? '' }
}

it('all other sessions can be ended at once, and the one that ends them stays', async () => {
  const { stage, alice } = await opened()
  expect((await alice.open('/account/security')).html).not.toContain('end-other-sessions')
  const others = [await signedIn(stage), await signedIn(stage)]
  const ended = await alice.follow(await alice.submit('/account/security', { action: 'end-other-sessions' }))
  expect(ended).toMatchObject({ status: 200, state: 'security' })
  expect(ended.html).toContain('All other devices are signed out.')
  for (const other of others) expect(await other.open('/account')).toMatchObject({ status: 303 })
  expect((await alice.open('/account/activity')).html).toContain('You signed out all other devices.')
})

it('a linked provider is listed, and can be removed by its user', async () => {
  const { stage, alice, userId } = await opened()
  await stage.storage.linkFederated({ issuer: 'https://id.example', subject: 'alice-1', userId })
  const yours = await alice.open('/account/yours')
  expect(yours.html).toContain('id.example')
  expect(yours.html).not.toContain('alice-1')
  const page = /href="(\/account\/providers\/[^"]*\/remove)"/.exec(yours.html)?.[1] ?? ''
  expect(await alice.open(page)).toMatchObject({ status: 200, state: 'remove-provider' })
  const bob = await signedIn(stage, 'bob')
  expect(await bob.open(page)).toMatchObject({ status: 404 })
  const removed = await alice.follow(await alice.submit(page, { action: 'remove-provider' }))
  expect(removed.html).toContain('The provider was removed.')
  expect(await stage.storage.listFederated(userId)).toEqual([])
})

it('the only way to sign in is not removed', async () => {
  const { stage, alice, userId } = await opened()
  await stage.storage.linkFederated({ issuer: 'https://id.example', subject: 'alice-1', userId })
  const page = /href="(\/account\/providers\/[^"]*\/remove)"/.exec((await alice.open('/account/yours')).html)?.[1] ?? ''
  stage.storage.unlinkFederated = async () => 'only_way'
  const seen = await alice.follow(await alice.submit(page, { action: 'remove-provider' }))
  expect(seen.html).toContain('This is your only way to sign in.')
})

it('a sign-in of more than ten minutes ago must be repeated before a provider is removed', async () => {
  const { stage, alice, userId } = await opened()
  await stage.storage.linkFederated({ issuer: 'https://id.example', subject: 'alice-1', userId })
  const csrf = await alice.csrfAt('/account/yours')
  stage.clock.now += 601
  const form = { action: 'remove-provider', csrf, identity: 'x' }
  expect(await alice.post('/account', form)).toMatchObject({
    location: '/account/confirm?return_to=%2Faccount%2Fyours',
  })
})
