import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from '@redis/client'
import { draft11ResourceWith } from 'countersign/editions/draft-11'
import {
  createSessionStore,
  createSessions,
  type SessionRecord,
  type SessionStore,
} from 'countersign/editions/draft-11/sessions'
import { FileStoreError, fileSessions } from 'countersign/node'
import { type RedisClient, redisSessions } from 'countersign/resource/redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createValkey, hasValkey, type Valkey } from '../../../../../test/valkey.js'
import { receivedMessage } from '../../received-message.js'
import { deferralIn, openStage, requestOf, requestWith, tokenOf } from './resource-stage.js'
import { ids, now, type WireRequest } from './wire.js'

const page = `${ids.resource}/connect`

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-sessions-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let valkey: Valkey | undefined
const clients: { destroy: () => void }[] = []
beforeAll(async () => {
  if (!hasValkey()) return
  valkey = await createValkey()
  await valkey.start()
})
afterAll(async () => {
  for (const client of clients) client.destroy()
  await valkey?.remove()
})

async function newClient(): Promise<RedisClient> {
  const client = createClient({ url: valkey?.url ?? '', disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
  clients.push(client)
  return client as unknown as RedisClient
}

/** Opens a store in a way in which several instances can open the same. Time is the system's, because Redis has its own clock. */
const shared: [name: string, open: () => () => Promise<SessionStore>][] = [
  [
    'in a folder',
    () => {
      const folder = newFolder()
      return async () => fileSessions(folder, { total: 4 })
    },
  ],
]
if (hasValkey())
  shared.push([
    'in Redis',
    () => {
      const prefix = `sessions-${clients.length}`
      return async () => redisSessions(await newClient(), { prefix, total: 4 })
    },
  ])
const memory = createSessionStore(undefined, 4)
const stores = [['in memory', () => async () => memory] as (typeof shared)[number], ...shared]

const recordOf = (key: string, more: Partial<SessionRecord> = {}): SessionRecord => ({
  kind: 'request',
  key,
  value: 'a',
  until: Math.floor(Date.now() / 1000) + 3600,
  provider: 'https://agent.example',
  holder: 'aauth:a@agent.example',
  most: 3,
  ...more,
})

describe.each(stores)('a store %s', (_name, open) => {
  it('adds a key once, and replaces only the value that is there, at whichever instance', async () => {
    const openOne = open()
    const [one, other] = [await openOne(), await openOne()]
    expect([await one.add(recordOf('k')), await other.add(recordOf('k', { value: 'b' }))]).toEqual(['added', 'taken'])
    expect([await other.replace('k', 'b', 'c'), await other.replace('unknown', 'a', 'c')]).toEqual([false, false])
    const instances = [one, other, await openOne()]
    const changed = await Promise.all(
      Array.from({ length: 12 }, async (_, at) => instances[at % 3]?.replace('k', 'a', `c${at}`)),
    )
    expect(changed.filter((each) => each)).toHaveLength(1)
    const winner = `c${changed.indexOf(true)}`
    for (const each of instances) expect(await each.get('k')).toBe(winner)
    expect(await other.replace('k', winner, 'd')).toBe(true)
    expect([await one.replace('k', winner, 'e'), await one.replace('k', 'a', 'e'), await one.get('k')]).toEqual([
      false,
      false,
      'd',
    ])
    await one.remove('k')
    expect([await other.get('k'), await other.replace('k', 'd', 'e')]).toEqual([undefined, false])
    expect(await one.add(recordOf('k'))).toBe('added')
  })

  it('has so many records of each kind for each agent, and refuses only the domains with the most sessions', async () => {
    const store = await open()()
    const agent = `aauth:${_name.replaceAll(' ', '-')}@agent.example`
    const add = (key: string, more: Partial<SessionRecord> = {}) =>
      store.add(recordOf(_name + key, { holder: agent, ...more }))
    for (const key of ['1', '2', '3']) expect(await add(key)).toBe('added')
    expect(await add('4')).toBe('full')
    expect(await store.get(`${_name}4`)).toBeUndefined()
    expect(await add('4', { holder: 'aauth:other@agent.example' })).toBe('added')
    expect(await add('s1', { kind: 'session' })).toBe('added')
    await store.remove(`${_name}1`)
    expect(await add('5')).toBe('added')
    const sessionAt = (at: number) =>
      add(`e${at}`, { kind: 'session', provider: `https://s${at}.evil.example`, holder: `aauth:e@s${at}.evil.example` })
    const added = []
    for (let at = 0; at < 6; at++) added.push(await sessionAt(at))
    expect(added).toEqual(['added', 'added', 'added', 'full', 'full', 'full'])
    expect(await add('s2', { kind: 'session', provider: 'https://more.example', holder: 'aauth:m@more.example' })).toBe(
      'added',
    )
  })
})

const time = () => Math.floor(Date.now() / 1000)

/** Opens instances of one API, which share a store, and what their handlers executed. */
function openApi(openStore: () => Promise<SessionStore>) {
  const calls: string[] = []
  const instance = async () => {
    const sessions = createSessions({ page, store: await openStore() })
    const stage = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined, now: time })
    const serve = sessions.around(stage.resource, async (request, { user }) => {
      calls.push(`${request.method} ${await request.text()}`)
      return new Response(user)
    })
    const ask = async (parts: Partial<WireRequest> = {}, claims: Record<string, unknown> = {}) => {
      const jwt = await tokenOf('agent', { iat: time(), exp: time() + 300, ...claims })
      const message = await requestWith(jwt, { target: '/notes', created: time(), ...parts })
      return serve(requestOf(message), receivedMessage(message))
    }
    return { sessions, ask }
  }
  return { instance, calls }
}

const withAccess = (access: string) => ({ fields: { authorization: `AAuth ${access}` }, also: ['authorization'] })
const stranger = { sub: 'aauth:other@agent.example' }

describe.each(shared)('sessions %s', (_name, open) => {
  it('survive a restart between any two steps, and are the same at two instances', async () => {
    const { instance, calls } = openApi(open())
    const post = { method: 'POST', body: '{"title":"Tea"}', also: ['content-type', 'content-digest'] }
    const { location, code } = deferralIn(await (await instance()).ask(post))
    const target = new URL(location).pathname
    expect(await (await instance()).sessions.open(code, 'ann')).toMatchObject({ code })
    expect(await (await (await instance()).ask({ target })).json()).toEqual({ status: 'interacting' })
    const decided = await (await instance()).sessions.decide(code, 'ann', 'allow')
    const polling = await Promise.all([instance(), instance(), instance()])
    const polled = await Promise.all(polling.map(({ ask }) => ask({ target })))
    expect(polled.map(({ status }) => status).sort((one, other) => one - other)).toEqual([200, 410, 410])
    expect(calls).toEqual(['POST {"title":"Tea"}'])
    const access = polled.map(({ headers }) => headers.get('aauth-access')).find((each) => each !== null) ?? ''
    expect(await (await (await instance()).ask(withAccess(access))).text()).toBe('ann')
    const last = await instance()
    await (await instance()).sessions.end(decided?.session ?? '')
    expect((await last.ask(withAccess(access))).status).toBe(202)
  })

  it('P39: a session is for its agent only, and ends, at every instance', async () => {
    const { instance, calls } = openApi(open())
    const [one, other] = [await instance(), await instance()]
    const { location, code } = deferralIn(await one.ask())
    await other.sessions.open(code, 'ann')
    const decided = await one.sessions.decide(code, 'ann', 'allow')
    const access = (await other.ask({ target: new URL(location).pathname })).headers.get('aauth-access') ?? ''
    for (const { ask } of [one, other]) {
      expect((await ask(withAccess(access))).status).toBe(200)
      expect((await ask(withAccess(access), stranger)).status).toBe(202)
      expect((await ask(withAccess(`${access.slice(0, -1)}${access.endsWith('a') ? 'b' : 'a'}`))).status).toBe(202)
      expect((await ask({ ...withAccess(access), also: [] })).status).toBe(401)
    }
    expect(calls).toHaveLength(3)
    await other.sessions.end(decided?.session ?? '')
    for (const { ask } of [one, other]) expect((await ask(withAccess(access))).status).toBe(202)
  })

  it('P40: a call that waits is its agent’s and its user’s, at every instance', async () => {
    const { instance, calls } = openApi(open())
    const [one, other] = [await instance(), await instance()]
    const { location, code } = deferralIn(await one.ask())
    const target = new URL(location).pathname
    for (const { ask } of [one, other])
      for (const parts of [{ target }, { target, method: 'DELETE' }, { target: `${target.slice(0, -2)}aa` }])
        expect((await ask(parts, parts.target === target ? stranger : {})).status).toBe(404)
    await one.sessions.open(code, 'ann')
    expect(await other.sessions.open(code, 'bob')).toBeUndefined()
    expect(await other.sessions.decide(code, 'bob', 'allow')).toBeUndefined()
    expect((await one.ask({ target, method: 'DELETE' })).status).toBe(204)
    expect(await other.sessions.decide(code, 'ann', 'allow')).toBeUndefined()
    expect((await other.ask({ target })).status).toBe(410)
    const guessed = deferralIn(await one.ask())
    const wrong = guessed.code.slice(0, -1) + (guessed.code.endsWith('0') ? '1' : '0')
    for (let each = 0; each < 5; each++) await [one, other][each % 2]?.sessions.open(wrong, `user ${each}`)
    for (const { sessions } of [one, other]) expect(await sessions.open(guessed.code, 'ann')).toBeUndefined()
    expect((await other.ask({ target: new URL(guessed.location).pathname })).status).toBe(410)
    expect(calls).toEqual([])
  })
})

describe('a store in a folder', () => {
  it('lets exactly one of several processes replace a value', async () => {
    const folder = newFolder()
    const store = fileSessions(folder)
    const keys = Array.from({ length: 10 }, (_, at) => `k${at}`)
    for (const key of keys) await store.add(recordOf(key, { most: 100 }))
    const script = `
      import { fileSessions } from 'countersign/node'
      const store = fileSessions(process.argv[1])
      const won = []
      for (const key of ${JSON.stringify(keys)}) if (await store.replace(key, 'a', process.argv[2])) won.push(key)
      console.log(JSON.stringify(won))`
    const run = async (name: string) => {
      const given = ['--input-type=module', '-e', script, folder, name]
      return JSON.parse((await promisify(execFile)(process.execPath, given)).stdout) as string[]
    }
    const won = await Promise.all([run('p1'), run('p2'), run('p3')])
    expect(won.flat().sort()).toEqual(keys)
    for (const key of keys) expect(await store.get(key)).toBe(`p${won.findIndex((each) => each.includes(key)) + 1}`)
  })

  it('removes what has expired, and counts the records of other processes, those before a restart included', async () => {
    let time = now
    const folder = newFolder()
    const open = () => fileSessions(folder, { now: () => time })
    const first = open()
    const record = (key: string) => recordOf(key, { until: time + 100 })
    for (const key of ['1', '2', '3']) expect(await first.add(record(key))).toBe('added')
    await first.replace('1', 'a', 'b')
    const restarted = open()
    expect(await restarted.add(record('4'))).toBe('full')
    await first.remove('2')
    time += 61
    expect(await restarted.add(record('4')), 'another process removed one').toBe('added')
    time += 99
    expect(await restarted.get('1')).toBeUndefined()
    expect(await restarted.add(record('5'))).toBe('added')
    expect(readdirSync(folder)).toHaveLength(2)
    expect(await restarted.add(record('1'))).toBe('added')
    expect(await restarted.get('1')).toBe('a')
  })

  it('counts a record that is written while the folder is listed', async () => {
    onTestFinished(() => {
      vi.restoreAllMocks()
      syncBuiltinESMExports()
    })
    let time = now
    const store = fileSessions(newFolder(), { now: () => time })
    const add = async (key: string) => store.add(recordOf(key, { until: now + 1000 }))
    expect(await add('1')).toBe('added')
    const { readdir, link } = promises
    const added: Promise<unknown>[] = []
    let listing: Promise<unknown> | undefined
    vi.spyOn(promises, 'readdir').mockImplementationOnce(async (path) => {
      const listed = readdir(path)
      listing = listed
      await listed
      await added[0]
      return listed as never
    })
    vi.spyOn(promises, 'link').mockImplementationOnce(async (from, to) => {
      time += 61
      added.push(add('3'))
      await listing
      return link(from, to)
    })
    syncBuiltinESMExports()
    added.push(add('2'))
    expect(await added[0]).toBe('added')
    expect(await added[1]).toBe('added')
    expect(await add('4')).toBe('full')
  })

  it('keeps a call only in its current value', async () => {
    const folder = newFolder()
    const store = fileSessions(folder)
    await store.add(recordOf('k', { value: 'the call' }))
    await store.replace('k', 'the call', 'done')
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
    expect(texts.join()).not.toContain('the call')
    expect(await store.get('k')).toBe('done')
  })

  it('has no record whose current value was removed by others', async () => {
    const folder = newFolder()
    const store = fileSessions(folder)
    await store.add(recordOf('k'))
    await store.replace('k', 'a', 'the current value')
    const files = readdirSync(folder).map((file) => join(folder, file))
    for (const file of files.filter((each) => readFileSync(each, 'utf8').includes('current'))) rmSync(file)
    expect(await store.get('k')).toBeUndefined()
  })

  it('does not open a folder to which others have access, and fails for a damaged record', async () => {
    const folder = newFolder()
    const store = fileSessions(folder)
    await store.add(recordOf('k'))
    await store.replace('k', 'a', 'b')
    for (const file of readdirSync(folder)) writeFileSync(join(folder, file), '{"kind')
    await expect(store.get('k')).rejects.toThrow(/is damaged: remove it/)
    chmodSync(folder, 0o755)
    expect(() => fileSessions(folder)).toThrow(FileStoreError)
  })
})

describe('a store that fails', () => {
  const failing = (): SessionStore => {
    const fail = async () => Promise.reject(new Error('the disk is full'))
    return { add: fail, get: fail, replace: fail, remove: fail }
  }

  it('refuses calls with and without a session, and polls, and is reported', async () => {
    const warnings: string[] = []
    const listen = ({ message }: Error) => void warnings.push(message)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const sessions = createSessions({ page, store: failing(), now: () => now })
    const stage = openStage({ edition: draft11ResourceWith({ sessions }), scopes: undefined })
    const serve = sessions.around(stage.resource, () => new Response('served'))
    const fields = { authorization: `AAuth ${'a'.repeat(22)}.${'b'.repeat(43)}` }
    for (const parts of [{}, { fields, also: ['authorization'] }, { target: `/aauth/pending/${'A'.repeat(47)}` }]) {
      const message = await requestWith(await tokenOf('agent'), { target: '/notes', ...parts })
      const response = await serve(requestOf(message), receivedMessage(message))
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
      expect(await response.json()).toMatchObject({ error: 'server_error' })
    }
    await expect(sessions.end('s')).rejects.toMatchObject({ code: 'unavailable', cause: expect.any(Error) })
    await expect(sessions.open('0000-0000-0000', 'ann')).rejects.toMatchObject({ code: 'unavailable' })
    await expect.poll(() => warnings.join()).toContain('the disk is full')
  })

  it('does not lose what a user allowed: the next poll receives it', async () => {
    let isFull = true
    const store = createSessionStore()
    const { instance, calls } = openApi(async () => ({
      ...store,
      add: (record) => (isFull && record.kind === 'session' ? 'full' : store.add(record)),
    }))
    const { sessions, ask } = await instance()
    const { location, code } = deferralIn(await ask())
    const target = new URL(location).pathname
    await sessions.open(code, 'ann')
    await sessions.decide(code, 'ann', 'allow')
    expect([(await ask({ target })).status, (await ask({ target })).status, calls]).toEqual([429, 429, []])
    isFull = false
    expect([(await ask({ target })).status, (await ask({ target })).status]).toEqual([200, 410])
    expect(calls).toHaveLength(1)
  })

  it('is not accepted if it lacks a function', () => {
    expect(() => createSessions({ page, store: {} as never })).toThrow('store must have add, get, replace and remove')
  })
})
