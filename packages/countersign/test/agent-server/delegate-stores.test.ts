import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DelegateStore, memoryDelegates } from 'countersign/agent-server'
import { FileStoreError, fileDelegates } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-delegates-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Every store, and a second process that uses the same one. */
const stores: [string, () => { store: DelegateStore; other: DelegateStore; folder?: string }][] = [
  [
    'memoryDelegates',
    () => {
      const store = memoryDelegates()
      return { store, other: store }
    },
  ],
  [
    'fileDelegates',
    () => {
      const folder = newFolder()
      return { store: fileDelegates(folder), other: fileDelegates(folder), folder }
    },
  ],
]

const laptop = { name: 'laptop-7', thumbprint: 'key-1', enrolledAt: 100 }
const stored = { ...laptop, renewedAt: undefined, revokedAt: undefined }

describe.each(stores)('%s', (_name, open) => {
  it('enrolls a key under a name, and finds it by the key', async () => {
    const { store, other } = open()
    expect(await store.find('key-1')).toBeUndefined()
    expect(await store.enroll(laptop, false)).toBe('enrolled')
    expect(await other.find('key-1')).toEqual(stored)
    expect(await store.find('key-2')).toBeUndefined()
  })

  it('keeps the first enrollment if the same one is repeated', async () => {
    const { store } = open()
    await store.enroll(laptop, false)
    expect(await store.enroll({ ...laptop, enrolledAt: 200 }, false)).toBe('enrolled')
    expect(await store.find('key-1')).toEqual(stored)
  })

  it('refuses a name that belongs to another key, and a key that belongs to another name', async () => {
    const { store } = open()
    await store.enroll(laptop, false)
    expect(await store.enroll({ ...laptop, thumbprint: 'key-2' }, false)).toBe('name_taken')
    expect(await store.enroll({ ...laptop, name: 'laptop-8' }, false)).toBe('key_taken')
    expect(await store.enroll({ ...laptop, name: 'laptop-8' }, true)).toBe('key_taken')
    expect(await store.list()).toEqual([stored])
    expect(await store.enroll({ ...laptop, name: 'laptop-8', thumbprint: 'key-2' }, false)).toBe('enrolled')
  })

  it('replaces a key on request: the previous one proves nothing any more', async () => {
    const { store } = open()
    await store.enroll(laptop, false)
    await store.renew('key-1', 150)
    expect(await store.enroll({ ...laptop, thumbprint: 'key-2', enrolledAt: 200 }, true)).toBe('enrolled')
    expect(await store.find('key-1')).toBeUndefined()
    expect(await store.renew('key-1', 210)).toBeUndefined()
    expect(await store.find('key-2')).toEqual({ ...stored, thumbprint: 'key-2', enrolledAt: 200 })
  })

  it('records renewals, but none after a revocation', async () => {
    const { store, other } = open()
    await store.enroll(laptop, false)
    expect(await store.renew('key-1', 150)).toEqual({ ...stored, renewedAt: 150 })
    expect(await other.revoke('laptop-7', 200)).toBe(true)
    expect(await store.renew('key-1', 250)).toEqual({ ...stored, renewedAt: 150, revokedAt: 200 })
    expect(await store.revoke('laptop-7', 300)).toBe(true)
    expect(await store.find('key-1')).toEqual({ ...stored, renewedAt: 150, revokedAt: 200 })
    expect(await store.revoke('laptop-8', 300)).toBe(false)
  })

  it('enrolls no key under a revoked name, not even as a replacement, until it is removed', async () => {
    const { store } = open()
    await store.enroll(laptop, false)
    await store.revoke('laptop-7', 200)
    for (const thumbprint of ['key-1', 'key-2'])
      for (const replace of [false, true])
        expect(await store.enroll({ ...laptop, thumbprint }, replace)).toBe('revoked')
    expect(await store.enroll({ ...laptop, name: 'laptop-8' }, false)).toBe('key_taken')
    expect(await store.remove('laptop-7')).toBe(true)
    expect(await store.remove('laptop-7')).toBe(false)
    expect([await store.find('key-1'), await store.list()]).toEqual([undefined, []])
    expect(await store.enroll(laptop, false)).toBe('enrolled')
    expect(await store.find('key-1')).toEqual(stored)
  })

  it('lists pages in the order of the names', async () => {
    const { store } = open()
    for (const name of ['b', 'a', 'B', 'c'])
      await store.enroll({ ...laptop, name, thumbprint: `key of ${name}` }, false)
    const names = async (page?: Parameters<DelegateStore['list']>[0]) =>
      (await store.list(page)).map(({ name }) => name)
    expect(await names()).toEqual(['B', 'a', 'b', 'c'])
    expect(await names({ limit: 2 })).toEqual(['B', 'a'])
    expect(await names({ after: 'a', limit: 1 })).toEqual(['b'])
    expect(await names({ after: 'c' })).toEqual([])
  })

  it('gives a name to one of several keys that are enrolled at the same time (T29)', async () => {
    const { store, other } = open()
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, async (_, at) =>
        (at % 2 ? other : store).enroll({ ...laptop, thumbprint: `key-${at}` }, false),
      ),
    )
    expect(outcomes.toSorted()).toEqual(['enrolled', ...Array<string>(9).fill('name_taken')])
    const winner = outcomes.indexOf('enrolled')
    for (const at of outcomes.keys())
      expect((await store.find(`key-${at}`))?.name).toBe(at === winner ? 'laptop-7' : undefined)
  })

  it('lists the tokens that were recorded for a delegate, until it is removed', async () => {
    const { store, other } = open()
    await store.enroll(laptop, false)
    const token = { jti: 'j1', authServer: 'https://ps.example', expiresAt: 2_000_000_000 }
    await store.recordToken('laptop-7', token, 100)
    await other.recordToken('laptop-7', token, 100)
    await other.recordToken('laptop-7', { ...token, jti: 'j2' }, 100)
    const byId = (one: { jti: string }, another: { jti: string }) => one.jti.localeCompare(another.jti)
    expect([...(await store.listTokens('laptop-7'))].sort(byId)).toEqual([token, { ...token, jti: 'j2' }])
    expect(await store.listTokens('laptop-8')).toEqual([])
    await store.revoke('laptop-7', 200)
    expect(await other.listTokens('laptop-7')).toHaveLength(2)
    await store.remove('laptop-7')
    expect(await other.listTokens('laptop-7')).toEqual([])
  })

  it('does not lose a revocation to replacements at the same time (T28)', async () => {
    const { store, other } = open()
    await store.enroll(laptop, false)
    await Promise.all([
      ...Array.from({ length: 5 }, async (_, at) => other.enroll({ ...laptop, thumbprint: `key-${at + 2}` }, true)),
      store.revoke('laptop-7', 200),
    ])
    const [only, ...others] = await store.list()
    expect([only?.revokedAt, others]).toEqual([200, []])
    for (let at = 1; at < 7; at += 1) {
      const delegate = await store.renew(`key-${at}`, 300)
      expect(delegate === undefined || delegate.revokedAt === 200).toBe(true)
    }
  })
})

it('keeps a name revoked if the record of its enrollment is damaged (T28)', async () => {
  const folder = newFolder()
  const store = fileDelegates(folder)
  await store.enroll(laptop, false)
  await store.revoke('laptop-7', 200)
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (path.includes('delegate-')) writeFileSync(join(folder, path), 'damaged', { mode: 0o600 })
  expect(await store.renew('key-1', 300)).toBeUndefined()
  expect(await store.enroll({ ...laptop, thumbprint: 'key-2' }, false)).toBe('revoked')
})

it('no longer lists a name that was removed', async () => {
  const folder = newFolder()
  const store = fileDelegates(folder)
  await store.enroll(laptop, false)
  const named = () =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('name-'))
  expect(named()).toHaveLength(1)
  await store.remove('laptop-7')
  expect(named()).toEqual([])
})

it('refuses a damaged revocation instead of ignoring it (T28)', async () => {
  const folder = newFolder()
  const store = fileDelegates(folder)
  await store.enroll(laptop, false)
  await store.revoke('laptop-7', 200)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const revocation = files.find((path) => path.includes('revocation-')) ?? ''
  writeFileSync(join(folder, revocation), 'damaged', { mode: 0o600 })
  await expect(store.renew('key-1', 300)).rejects.toThrow(FileStoreError)
  await expect(store.find('key-1')).rejects.toThrow(/is damaged\. It revokes a delegate/)
})
