import { describe, expect, it } from 'vitest'
import { createScriptedUser, hiddenFields } from '../scripted-user.js'
import { createWorld, ids, type World } from '../world.js'

const at = (path: string) => `${ids.authServer}${path}`

async function signedIn(world: World) {
  const user = createScriptedUser(world.fetch)
  const page = await (await user.open(at('/account/sign-in'))).text()
  await post(user, '/account/sign-in', page, { username: 'testuser', password: 'testpass', action: 'login' })
  return user
}

function post(user: ReturnType<typeof createScriptedUser>, path: string, page: string, fields: Record<string, string>) {
  const body = new URLSearchParams({ ...hiddenFields(page, fields), ...fields })
  return user.send(new Request(at(path), { method: 'POST', body, headers: { origin: ids.authServer } }))
}

describe('confirming one’s identity again', () => {
  it('is not needed for ten minutes after signing in', async () => {
    const world = await createWorld()
    const user = await signedIn(world)
    world.clock.now += 600
    expect((await user.open(at('/account/security'))).status).toBe(200)
  })

  it.each(['/account/security', '/account/close'])(
    'is required before %s after that, and leads there',
    async (path) => {
      const world = await createWorld()
      const user = await signedIn(world)
      world.clock.now += 601
      const turned = await user.open(at(path))
      expect(turned.status).toBe(303)
      const confirm = turned.headers.get('location') ?? ''
      expect(confirm).toBe(`/account/confirm?return_to=${encodeURIComponent(path)}`)
      const page = await (await user.open(at(confirm))).text()
      expect(page).toContain('data-state="reauthentication"')
      const wrong = await post(user, '/account', page, { password: 'wrong', action: 'reauthenticate' })
      expect(wrong.status).toBe(401)
      const right = await post(user, '/account', page, { password: 'testpass', action: 'reauthenticate' })
      expect(right.headers.get('location')).toBe(path)
      expect((await user.open(at(path))).status).toBe(200)
    },
  )

  it('is required to add a passkey from a page that was left open', async () => {
    const world = await createWorld()
    const user = await signedIn(world)
    const page = await (await user.open(at('/account/security'))).text()
    world.clock.now += 601
    const added = await post(user, '/account', page, { name: 'mine', credential: '{}', action: 'add-passkey' })
    expect(added.headers.get('location')).toBe('/account/confirm?return_to=%2Faccount%2Fsecurity')
    const options = await post(user, '/account/passkeys/options', page, { name: 'mine', action: 'add-passkey' })
    expect(options.status).toBe(403)
  })

  it('never leads to another site', async () => {
    const world = await createWorld()
    const user = await signedIn(world)
    const page = await (await user.open(at('/account/confirm?return_to=//evil.example'))).text()
    const right = await post(user, '/account', page, { password: 'testpass', action: 'reauthenticate' })
    expect(right.headers.get('location')).toBe('/account')
  })
})
