import { StorageError } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import {
  authenticationOptions,
  optionsResponse,
  ownPasskey,
  registrationOptions,
  verifyPasskey,
  verifyRegistration,
} from '../../src/sign-in/passkeys.js'
import { createSoftwarePasskey } from '../software-passkey.js'

type Context = Parameters<typeof verifyPasskey>[0]
type Visit = Parameters<typeof verifyPasskey>[1]
type User = Parameters<typeof ownPasskey>[0]

const now = 1_800_000_000
const origin = 'https://auth.example'
const passkey = createSoftwarePasskey(origin)
const alice = { id: 'alice-id', username: 'alice', displayName: null, status: 'active' } as unknown as User

interface Scene {
  at?: number
  hasPasskeys?: boolean
  user?: object
  isUnknown?: boolean
  used?: boolean
  claimed?: () => Promise<boolean>
}

function open({ at = now, hasPasskeys = true, used = true, claimed = async () => true, ...scene }: Scene = {}) {
  const did: unknown[] = []
  const found = { passkey: { ...passkey, createdAt: 7 }, user: { ...alice, ...scene.user } }
  const context = {
    now: () => at,
    passkeys: hasPasskeys ? { rpId: 'auth.example', rpName: 'Home', origin } : undefined,
    secrets: {
      random: (prefix: string) => `${prefix}${'r'.repeat(43)}`,
      csrfFor: (browser: string, page: string) => `${browser}|${page}`,
      readCsrf: (text: string, browser: string) =>
        text.startsWith(`${browser}|`) ? text.slice(browser.length + 1) : undefined,
    },
    recorder: { recordEvent: async (event: unknown) => void did.push(event) },
    storage: {
      listPasskeys: async () => [{ credentialId: 'abcd' }],
      findPasskey: async (id: string) => (scene.isUnknown || id !== passkey.credentialId ? undefined : found),
      async claimNonce(claim: unknown) {
        did.push(claim)
        return claimed()
      },
      async usePasskey(use: unknown) {
        did.push(use)
        return used
      },
    },
  } as unknown as Context
  return { context, did }
}

const visitOf = (form: Record<string, string> = {}, browser = 'b') =>
  ({ browser, ip: '192.0.2.1', userAgent: undefined, form: new Map(Object.entries(form)) }) as unknown as Visit

it('a sign-in accepts any passkey of this server, with the user verified, for five minutes', async () => {
  const options = await authenticationOptions(open().context, visitOf())
  const challenge = Buffer.from(`b|passkey~sign-in~${now}~${'r'.repeat(43)}`).toString('base64url')
  expect(options).toMatchObject({ rpId: 'auth.example', challenge, userVerification: 'required', timeout: 300_000 })
  expect(options).toMatchObject({ allowCredentials: undefined })
})

it.each([
  [null, 'alice'],
  ['Alice', 'Alice'],
])('a new passkey is one that names the user, who may be called %s', async (displayName, shown) => {
  const options = await registrationOptions(open().context, visitOf(), ownPasskey({ ...alice, displayName }))
  const challenge = Buffer.from(`b|passkey~alice-id~${now}~${'r'.repeat(43)}`).toString('base64url')
  expect(options).toMatchObject({
    rp: { id: 'auth.example', name: 'Home' },
    user: { id: Buffer.from('alice-id').toString('base64url'), name: 'alice', displayName: shown },
    challenge,
    excludeCredentials: [{ id: 'abcd', type: 'public-key' }],
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    timeout: 300_000,
  })
})

it('a server without passkeys has no such pages', async () => {
  const { context } = open({ hasPasskeys: false })
  for (const ask of [
    authenticationOptions(context, visitOf()),
    registrationOptions(context, visitOf(), ownPasskey(alice)),
    verifyPasskey(context, visitOf()),
    verifyRegistration(context, visitOf(), ownPasskey(alice)),
  ])
    await expect(ask).rejects.toMatchObject({ code: 'not_found' })
})

it('the script gets the options as JSON, which no cache stores', async () => {
  const response = optionsResponse({ a: 1 })
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  expect(await response.json()).toEqual({ a: 1 })
})

/** The challenge that a browser got for a purpose. */
async function challengeFor(purpose?: string, browser = 'b'): Promise<string> {
  return ((await authenticationOptions(open().context, visitOf({}, browser), purpose)) as { challenge: string })
    .challenge
}

const claim = { key: expect.stringMatching(/^[\w-]{43}$/), lifetime: 300 }
const use = { credentialId: passkey.credentialId, counter: 0 }
const failed = { event: 'signin.failed', userId: 'alice-id', ip: '192.0.2.1', data: { userAgent: null } }
const shown = { credentialId: passkey.credentialId, addedAt: 7 }

describe('a passkey', () => {
  it.each<[string, Scene, { purpose?: string; browser?: string }, object | undefined, object[]]>([
    ['accepted', {}, {}, shown, [claim, use]],
    ['accepted within five minutes', { at: now + 299 }, {}, shown, [claim, use]],
    ['refused later', { at: now + 300 }, {}, undefined, [failed]],
    ['refused for something else', {}, { purpose: 'allow-x' }, undefined, [failed]],
    ['refused in another browser', {}, { browser: 'c' }, undefined, [failed]],
    ['refused the second time', { claimed: async () => false }, {}, undefined, [claim, failed]],
    ['refused if its counter went back', { used: false }, {}, undefined, [claim, use]],
    ['refused if its user is disabled', { user: { status: 'disabled' } }, {}, undefined, [failed]],
    ['refused if it is unknown', { isUnknown: true }, {}, undefined, []],
  ])('is %s', async (_how, scene, { purpose, browser }, expected, rows) => {
    const { context, did } = open(scene)
    const credential = passkey.respond(await challengeFor(purpose, browser))
    const verified = await verifyPasskey(context, visitOf({ credential }))
    if (expected) expect(verified).toMatchObject({ ...expected, user: { id: 'alice-id' } })
    else expect(verified).toBeUndefined()
    expect(did).toMatchObject(rows)
    expect(did).toHaveLength(rows.length)
  })

  it.each([
    ['the database is down', new StorageError('unavailable', 'down')],
    ['the server has a bug', new TypeError('key is undefined')],
  ])('is neither accepted nor refused if %s', async (_why, failure) => {
    const { context, did } = open({ claimed: () => Promise.reject(failure) })
    const credential = passkey.respond(await challengeFor())
    await expect(verifyPasskey(context, visitOf({ credential }))).rejects.toBe(failure)
    expect(did).toHaveLength(1)
    const { challenge } = (await registrationOptions(context, visitOf(), ownPasskey(alice))) as { challenge: string }
    const added = visitOf({ credential: passkey.register(challenge) })
    await expect(verifyRegistration(context, added, ownPasskey(alice))).rejects.toBe(failure)
  })

  it.each<[string, (credential: Record<string, unknown>) => unknown]>([
    ['no object', () => 'x'],
    ['without an id', (credential) => ({ ...credential, id: undefined })],
    ['with another raw id', (credential) => ({ ...credential, rawId: 'x' })],
    ['of another type', (credential) => ({ ...credential, type: 'x' })],
    ['without a response', (credential) => ({ ...credential, response: undefined })],
    ['with an empty response', (credential) => ({ ...credential, response: null })],
    ...['clientDataJSON', 'authenticatorData', 'signature'].map(
      (member): [string, (credential: Record<string, unknown>) => unknown] => [
        `without ${member}`,
        (credential) => ({ ...credential, response: { ...(credential.response as object), [member]: 1 } }),
      ],
    ),
  ])('is refused at once if it is %s', async (_how, change) => {
    const { context, did } = open()
    const right = JSON.parse(passkey.respond(await challengeFor())) as Record<string, unknown>
    const credential = JSON.stringify(change(right))
    expect(await verifyPasskey(context, visitOf({ credential }))).toBeUndefined()
    expect(await verifyPasskey(context, visitOf())).toBeUndefined()
    expect(did).toEqual([])
  })
})

it.each<[string, Scene, Record<string, string>, object | undefined]>([
  ['added', {}, {}, { name: undefined }],
  ['added with its name', {}, { name: ` ${'n'.repeat(61)}` }, { name: 'n'.repeat(60) }],
  ['not added later', { at: now + 300 }, {}, undefined],
  ['not added twice', { claimed: async () => false }, {}, undefined],
])('a new passkey is %s', async (_how, scene, form, expected) => {
  const { challenge } = (await registrationOptions(open().context, visitOf(), ownPasskey(alice))) as {
    challenge: string
  }
  const visit = visitOf({ ...form, credential: passkey.register(challenge) })
  const added = await verifyRegistration(open(scene).context, visit, ownPasskey(alice))
  if (expected) expect(added).toMatchObject({ credentialId: passkey.credentialId, counter: 0, ...expected })
  else expect(added).toBeUndefined()
  expect(await verifyRegistration(open().context, visitOf(form), ownPasskey(alice))).toBeUndefined()
})
