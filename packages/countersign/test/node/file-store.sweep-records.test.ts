import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentRecord, memoryStore } from 'countersign/agent'
import { fileStore } from 'countersign/node'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'
import { removeAbandoned, sweepRecords } from '../../src/node/file-store.js'
import { ended, ids, openStage } from '../agent/stage.js'

const now = 2_000_000_000
const over = now - 3600

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-sweep-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const record = (kind: AgentRecord['kind'], id: string, until?: number): AgentRecord => {
  return { agent: ids.agent, edition: 'one', kind, id, data: {}, until }
}

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  vi.useRealTimers()
})

it('deletes records that expired an hour ago, and a folder that is empty', async () => {
  const root = newFolder()
  const store = fileStore(root)
  await store.put('a', record('token', 'ended', over))
  await store.put('a', record('token', 'just ended', now - 3599))
  await store.put('a', record('token', 'renewable'))
  await store.put('b', record('consent', 'ended', over))
  await store.put('b', record('lease', 'ended', over))
  await sweepRecords(root, now)
  expect((await store.list('a')).map(({ id }) => id).toSorted()).toEqual(['just ended', 'renewable'])
  expect(await store.list('b')).toEqual([])
  expect(readdirSync(root)).toHaveLength(1)
})

it('deletes everything of a browser whose session has expired, and nothing of another', async () => {
  const root = newFolder()
  const store = fileStore(root)
  for (const [owner, until] of [
    ['gone', over],
    ['there', now],
  ] as const) {
    await store.put(owner, record('session', 'browser', until))
    await store.put(owner, record('token', 'renewable'))
    await store.put(owner, record('person', 'https://auth.example'))
  }
  await sweepRecords(root, now)
  expect(await store.list('gone')).toEqual([])
  expect(await store.list('there')).toHaveLength(3)
  expect(readdirSync(root)).toHaveLength(1)
})

it('deletes a session that contains nothing any more, but none with a token or a consent', async () => {
  const root = newFolder()
  const store = fileStore(root)
  const later = now + 30 * 86_400
  for (const owner of ['unanswered', 'waits', 'allowed']) await store.put(owner, record('session', 'browser', later))
  await store.put('unanswered', record('consent', 'ended', over))
  await store.put('unanswered', record('person', 'https://auth.example'))
  await store.put('waits', record('consent', 'open', now))
  await store.put('allowed', record('token', 'renewable'))
  await store.put('nobody', record('person', 'https://auth.example'))
  await sweepRecords(root, now)
  expect(await store.list('unanswered')).toEqual([])
  for (const owner of ['waits', 'allowed']) expect(await store.list(owner)).toHaveLength(2)
  expect(await store.list('nobody'), 'is not a session').toHaveLength(1)
})

it('keeps what another process writes to a session that contains nothing any more', async () => {
  const root = newFolder()
  const store = fileStore(root)
  await store.put('a', record('session', 'browser', now))
  const { rename } = promises
  vi.spyOn(promises, 'rename').mockImplementationOnce(async (from, to) => {
    await store.put('a', record('consent', 'just started'))
    await rename(from, to)
  })
  syncBuiltinESMExports()
  await sweepRecords(root, now)
  expect((await store.list('a')).map(({ kind }) => kind).toSorted()).toEqual(['consent', 'session'])
  expect(readdirSync(root)).toHaveLength(1)
})

it('deletes a session that contains only how access ended', async () => {
  const root = newFolder()
  const store = fileStore(root)
  for (const kind of ['session', 'past', 'person'] as const) await store.put('a', record(kind, 'one', now))
  await store.put('b', record('session', 'browser', now))
  await store.put('b', record('past', 'https://api.example'))
  await store.put('b', record('lease', 'open', now))
  await sweepRecords(root, now)
  expect(await store.list('a')).toEqual([])
  expect(await store.list('b')).toHaveLength(3)
})

it.each([
  [3_600_000, true],
  [3_600_001, false],
])('keeps a half-written file for an hour: after %i ms it is there: %s', async (age, isThere) => {
  vi.useFakeTimers({ toFake: ['Date'], now: now * 1000 })
  const path = join(newFolder(), 'half-written')
  writeFileSync(path, '{')
  utimesSync(path, now - age / 1000, now - age / 1000)
  await Promise.all([removeAbandoned(path), removeAbandoned(path)])
  expect(existsSync(path)).toBe(isThere)
  await removeAbandoned(`${path}-none`)
})

it('never deletes a folder as a half-written file', async () => {
  const root = newFolder()
  utimesSync(root, 1_000_000, 1_000_000)
  await removeAbandoned(root)
  expect(existsSync(root)).toBe(true)
})

it('does nothing each hour once the folder is gone', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] })
  const root = newFolder()
  fileStore(root)
  rmSync(root, { recursive: true })
  vi.advanceTimersByTime(3_600_000)
  for (let turn = 0; turn < 5; turn++) await new Promise((soon) => setTimeout(soon, 5))
  expect(existsSync(root)).toBe(false)
})

it('skips files it cannot read, and continues', async () => {
  const root = newFolder()
  const store = fileStore(root)
  await store.put('a', record('token', 'ended', over))
  const [folder = ''] = readdirSync(root)
  writeFileSync(join(root, folder, 'other.json'), '{', { mode: 0o600 })
  writeFileSync(join(root, 'a-file'), '')
  await sweepRecords(root, now)
  expect(readdirSync(join(root, folder))).toEqual(['other.json'])
  chmodSync(join(root, folder, 'other.json'), 0o644)
  await expect(sweepRecords(root, now)).rejects.toThrow(/chmod 600/)
  expect(existsSync(join(root, 'a-file'))).toBe(true)
})

it("sweeps the other owners' folders after one with an unreadable file", async () => {
  const root = newFolder()
  const store = fileStore(root)
  for (const owner of ['a', 'b', 'c']) await store.put(owner, record('token', 'ended', over))
  const [first = ''] = readdirSync(root)
  const [file = ''] = readdirSync(join(root, first))
  chmodSync(join(root, first, file), 0o644)
  await expect(sweepRecords(root, now)).rejects.toThrow(/chmod 600/)
  expect(readdirSync(root)).toEqual([first])
  expect(readdirSync(join(root, first))).toEqual([file])
})

it('is run by each store itself, once an hour', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'Date'], now: now * 1000 })
  const root = newFolder()
  const store = fileStore(root)
  await store.put('a', record('token', 'ended', over))
  vi.advanceTimersByTime(3_600_000)
  for (let turn = 0; turn < 6000 && readdirSync(root).length > 0; turn++)
    await new Promise((soon) => setTimeout(soon, 5))
  expect(readdirSync(root)).toEqual([])
})

it('an agent sets how long its records are needed; renewable ones are kept', async () => {
  const store = memoryStore()
  const kept = new Map<string, number | undefined>()
  const put: typeof store.put = (owner, each) => {
    kept.set(each.kind, each.until)
    return store.put(owner, each)
  }
  const add: typeof store.add = (owner, each) => {
    kept.set(each.kind, each.until)
    return store.add(owner, each)
  }
  const stage = openStage({ store: { ...store, put, add } })
  const end = ended(stage.agent.for('s1').fetch(ids.api))
  await expect.poll(() => stage.asked.length).toBe(1)
  expect(kept.get('consent'), 'for as long as the user may decide').toBe(stage.clock.now + 3 * 3600)
  const [consent] = stage.asked
  if (consent) await stage.answer(consent)
  expect(await end).toBe('data')
  expect(kept.get('token')).toBe(stage.clock.now + 600)
  stage.token.auth = async () => ({ auth_token: await stage.authToken(), refresh_token: 'refresh-1', expires_in: 600 })
  await stage.agent.for('s2').fetch(ids.api)
  expect(kept.get('token')).toBeUndefined()
})
