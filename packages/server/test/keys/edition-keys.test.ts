import { randomBytes } from 'node:crypto'
import {
  KeyError,
  rotateKeys,
  rotateKeysWhenDue,
  rotationDueAt,
  type SigningKeys,
  storedDeviceKeys,
  storedKeys,
} from 'countersign-server'
import { storedDraft11DeviceKeys, storedDraft11Keys } from 'countersign-server/editions/draft-11'
import { storedOAuthKeys } from 'countersign-server/editions/oauth'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it } from 'vitest'
import { engines, openTwo } from './two-storages.js'

const masterKey = randomBytes(32)
const days = 86_400

/** Two instances on one database, each with the keys of both editions. */
async function twoInstances(open?: Parameters<typeof openTwo>[0]) {
  const { clock, now, storages, storage } = await openTwo(open)
  const january = await Promise.all(storages.map((each) => storedKeys({ storage: each, masterKey, now })))
  const oauth = await Promise.all(storages.map((each) => storedOAuthKeys({ storage: each, masterKey, now })))
  return {
    clock,
    storage,
    january,
    oauth,
    options: { masterKey, tokenLifetime: 600, now },
    rotateWhenDue: async (edition: string) =>
      (
        await Promise.all(
          storages.map((each) =>
            rotateKeysWhenDue(each, { masterKey, tokenLifetime: 600, rotateAfter: 90 * days, edition, now }),
          ),
        )
      ).filter((rotation) => rotation !== undefined),
  }
}

const signersOf = (keys: readonly SigningKeys[]) => Promise.all(keys.map(async (each) => (await each.signer()).kid))
const publishedBy = async (keys: SigningKeys | undefined) => (await keys?.publicKeys())?.map(({ kid }) => kid) ?? []

describe.each(engines)('the keys of an edition, on %s', (_name, open) => {
  it('differ from those of every other edition, and are the same on all instances', async () => {
    const { storage, january, oauth } = await twoInstances(open)
    expect(new Set(await signersOf(january)).size).toBe(1)
    expect(new Set(await signersOf(oauth)).size).toBe(1)
    const [own, others] = [await publishedBy(oauth[0]), await publishedBy(january[0])]
    expect([own.length, others.length]).toEqual([2, 2])
    expect(new Set([...own, ...others]).size).toBe(4)
    expect((await oauth[0]?.signer())?.jwk).toMatchObject({ kty: 'EC', crv: 'P-256' })
    expect((await january[0]?.signer())?.jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519' })
    expect(await storage.findViolations()).toEqual([])
  })

  it('are rotated once, by one instance, without touching those of another edition', async () => {
    const { clock, storage, january, oauth, rotateWhenDue } = await twoInstances(open)
    const untouched = await signersOf(january)
    const next = (await storage.listKeys()).find((key) => key.edition === 'oauth' && key.state === 'next')
    clock.now += 90 * days
    expect(await rotateWhenDue('oauth')).toMatchObject([{ activated: next?.kid, early: false }])
    clock.now += 5
    expect(await signersOf(oauth)).toEqual([next?.kid, next?.kid])
    expect((await oauth[1]?.signer())?.jwk).toMatchObject({ crv: 'P-256' })
    expect((await publishedBy(oauth[1])).length).toBe(3)
    expect(await signersOf(january)).toEqual(untouched)
    expect((await publishedBy(january[1])).length).toBe(2)
    expect(await rotateWhenDue('oauth')).toEqual([])
    expect(await rotateWhenDue('january')).toHaveLength(1)
    expect(await storage.findViolations()).toEqual([])
  })
})

it('do not exist until they are requested', async () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  await storedKeys({ storage, masterKey })
  expect((await storage.listKeys()).map(({ edition }) => edition)).toEqual(['january', 'january', 'january'])
  await expect(rotateKeys(storage, { masterKey, tokenLifetime: 600, edition: 'oauth' })).rejects.toThrow(
    'There are no keys for the oauth edition yet',
  )
})

it.each([
  ['devices of January', storedDeviceKeys, 'january-devices', 'EdDSA'],
  ['draft -11', storedDraft11Keys, 'draft-11', 'Ed25519'],
  ['devices of draft -11', storedDraft11DeviceKeys, 'draft-11-devices', 'Ed25519'],
])('for %s are stored under their own name', async (_what, open, edition, alg) => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const keys = await open({ storage, masterKey })
  const stored = await storage.listKeys()
  expect(stored.map((key) => [key.edition, key.alg, key.purpose])).toEqual(Array(2).fill([edition, alg, 'sign']))
  expect((await keys.signer()).jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519' })
})

it('cannot be moved to another edition in the database', async () => {
  const { storage } = await twoInstances()
  const moved = (await storage.listKeys()).map((key) => ({ ...key, edition: 'january' }))
  const tampered = { ...storage, listKeys: async () => moved }
  const opened = storedKeys({ storage: tampered, masterKey })
  await expect(opened).rejects.toThrow(KeyError)
  await expect(opened).rejects.toMatchObject({ code: 'master_key_wrong' })
})

it('are due for rotation on their own schedule', async () => {
  const { clock, storage, options } = await twoInstances()
  const due = clock.now + 90 * days
  clock.now += 50 * days
  await rotateKeys(storage, { ...options, edition: 'oauth' })
  const keys = await storage.listKeys()
  expect(rotationDueAt(keys, 90 * days)).toBe(due)
  expect(rotationDueAt(keys, 90 * days, 'oauth')).toBe(due + 50 * days)
})

it('need none of the server’s own keys in the database', async () => {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const keys = await storedOAuthKeys({ storage, masterKey })
  expect((await storage.listKeys()).every(({ edition, purpose }) => edition === 'oauth' && purpose === 'sign')).toBe(
    true,
  )
  // The server's own keys can be stored later.
  await storedKeys({ storage, masterKey })
  expect(await (await storedOAuthKeys({ storage, masterKey })).publicKeys()).toEqual(await keys.publicKeys())
})
