import { type AgentStore, createWebAgent, memoryStore } from 'countersign/agent'
import { createChatAgent } from 'countersign/agent/chat'
import { describe, expect, it } from 'vitest'
import { quickHash } from './quick-hash.js'
import { createScriptedUser, decideAs, type ScriptedUser } from './scripted-user.js'
import { createWorld, ids } from './world.js'

const api = `${ids.resource}/data-auth`
const place = 'Slack workspace Acme'
const alice = { id: 'slack T1 U1', name: '@alice', place }
const mallory = { id: 'slack T1 U2', name: '@mallory', place }
const passwords = { alice: 'correct horse', mallory: 'battery staple' }
type Name = keyof typeof passwords

async function openScene({ store = memoryStore() }: { store?: AgentStore } = {}) {
  const world = await createWorld({ server: { lifetimes: { authToken: 600 }, durations: ['until-removed'] } })
  for (const [username, password] of Object.entries(passwords))
    await world.storage.createUser({ username, passwordHash: await quickHash(password) })
  const open = () =>
    createChatAgent({
      id: ids.agent,
      signer: world.agentSigner,
      authServers: [ids.authServer],
      about: { name: 'Calendar bot' },
      store,
      fetch: world.fetch,
      now: () => world.clock.now,
    })
  const bot = open()
  world.origins.set(ids.agent, (request) => bot.handler(request))
  const browsers = { alice: createScriptedUser(world.fetch), mallory: createScriptedUser(world.fetch) }

  /** Opens a link and presses its button. Resolves to the consent page's URL. */
  async function accept(browser: ScriptedUser, link: string): Promise<string> {
    const page = await (await browser.open(link)).text()
    const { headers } = await browser.submit(page, link, {})
    return headers.get('location') ?? ''
  }

  /** Decides in a user's browser, and returns to the bot. Resolves to the last page. */
  async function decide(name: Name, consent: string, decision: 'grant' | 'deny' = 'grant'): Promise<string> {
    const person = { username: name, password: passwords[name] }
    const callback = await decideAs(createScriptedUser(world.fetch), consent, decision, person)
    return (await browsers[name].open(callback)).text()
  }

  /** Follows a link to the digits. */
  async function digitsFor(name: Name, link: string): Promise<string> {
    return digitsOn(await decide(name, await accept(browsers[name], link)))
  }

  /** The refresh tokens in use, as the auth server knows them. */
  async function refreshes(session: string): Promise<readonly string[]> {
    return (await store.list(session)).flatMap(({ kind, data }) =>
      kind === 'token' ? [(data as { token: { refreshToken: string } }).token.refreshToken] : [],
    )
  }
  const revocations = () => world.sent.filter(({ url }) => url.endsWith('/agent/revoke'))
  return { world, bot, open, store, browsers, accept, decide, digitsFor, refreshes, revocations }
}

function digitsOn(page: string): string {
  const [, digits] = /<b class="digits" dir="ltr">(\d{6})</.exec(page) ?? []
  if (digits === undefined) throw new Error(`no digits: ${page}`)
  return digits
}

/** Other digits than these. */
const other = (digits: string, by = 1) => String((Number(digits) + by) % 1_000_000).padStart(6, '0')

describe('an agent for the users of a chat', () => {
  it('acts for a user who typed the digits, and for no one before that', async () => {
    const { bot, digitsFor } = await openScene()
    const { url } = await bot.connect(alice, api)
    const digits = await digitsFor('alice', url)
    expect(await bot.for(alice.id)).toBeUndefined()
    expect(await bot.confirm(alice.id, ` ${digits.slice(0, 3)} ${digits.slice(3)}\n`)).toBe('connected')
    const agent = await bot.for(alice.id)
    expect((await agent?.fetch(api))?.status).toBe(200)
    expect(await bot.for(mallory.id)).toBeUndefined()
  })

  it('states for whom and where it will act, before the auth server and above the digits', async () => {
    const { bot, browsers, accept, decide } = await openScene()
    const { url } = await bot.connect({ ...alice, name: '@a<b>\u202elice' }, api)
    const question = await (await browsers.alice.open(url)).text()
    for (const page of [question, await decide('alice', await accept(browsers.alice, url))]) {
      expect(page).toContain('s that you?')
      expect(page).toContain('<b><bdi>Calendar bot</bdi></b> (<b><bdi>agent.example</bdi></b>)')
      expect(page).toContain('<b><bdi>Slack workspace Acme</bdi></b>')
      expect(page).toContain('<b><bdi>@a&lt;b&gt;lice</bdi></b>')
    }
  })

  it.each([
    ['de-AT, en;q=0.5', 'lang="de" dir="ltr"', 'Sind Sie das?', 'schließen Sie diese Seite'],
    ['pt, fr;q=0.5, es;q=0.4', 'lang="fr" dir="ltr"', 'Est-ce bien vous', 'fermez cette page'],
    ['es', 'lang="es" dir="ltr"', '¿Eres tú?', 'cierra esta página'],
    ['ja', 'lang="ja" dir="ltr"', 'ご本人ですか？', 'このページを閉じてください'],
    ['ar-EG', 'lang="ar" dir="rtl"', 'هل هذا أنت؟', 'فأغلق هذه الصفحة'],
    ['ar;q=0, pt', 'lang="en" dir="ltr"', 'Is that you?', 'close this page'],
  ])('asks and warns in the language of the browser: %s', async (language, attributes, heading, warning) => {
    const { bot, browsers } = await openScene()
    const { url } = await bot.connect(alice, api)
    const page = await (await browsers.alice.open(url, { 'accept-language': language })).text()
    for (const text of [attributes, heading, warning, '<b><bdi>@alice</bdi></b>']) expect(page).toContain(text)
  })

  it('gives an attacker nothing whose link another user follows (attacks L14)', async () => {
    const { bot, digitsFor, revocations } = await openScene()
    const { url } = await bot.connect(mallory, api)
    const digits = await digitsFor('alice', url)
    expect(await bot.confirm(alice.id, digits)).toBe('none')
    expect(await bot.for(mallory.id)).toBeUndefined()
    for (const outcome of ['wrong', 'wrong', 'closed'])
      expect(await bot.confirm(mallory.id, other(digits, outcome === 'closed' ? 2 : 1))).toBe(outcome)
    expect(await bot.confirm(mallory.id, digits)).toBe('none')
    expect(await bot.for(mallory.id)).toBeUndefined()
    expect(revocations().length).toBeGreaterThan(0)
  })

  it('keeps two chats apart in which two users decide at once', async () => {
    const { bot, digitsFor } = await openScene()
    const links = [await bot.connect(alice, api), await bot.connect(mallory, api)]
    const [hers, his] = [await digitsFor('alice', links[0]?.url ?? ''), await digitsFor('mallory', links[1]?.url ?? '')]
    expect(await bot.confirm(mallory.id, hers)).toBe('wrong')
    expect(await bot.confirm(mallory.id, his)).toBe('connected')
    expect(await bot.confirm(alice.id, hers)).toBe('connected')
    const subOf = async (user: string) => (await (await (await bot.for(user))?.fetch(api))?.json())?.sub
    expect(await subOf(alice.id)).not.toBe(await subOf(mallory.id))
  })

  it('accepts at most three attempts, even at once and from two processes (attacks L15)', async () => {
    const { bot, open, digitsFor } = await openScene()
    const { url } = await bot.connect(mallory, api)
    const digits = await digitsFor('mallory', url)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, count) =>
        (count % 2 ? bot : open()).confirm(mallory.id, other(digits, count + 1)),
      ),
    )
    expect(outcomes.filter((each) => each === 'wrong')).toHaveLength(2)
    expect(await bot.confirm(mallory.id, digits)).toBe('none')
  })

  it('accepts digits once, even at once and from two processes', async () => {
    const { bot, open, digitsFor } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    const outcomes = await Promise.all([bot.confirm(alice.id, digits), open().confirm(alice.id, digits)])
    expect(outcomes.sort()).toEqual(['connected', 'none'])
    expect(await bot.confirm(alice.id, digits)).toBe('none')
  })

  it('lets one browser use a link, once', async () => {
    const { bot, browsers, accept } = await openScene()
    const { url } = await bot.connect(alice, api)
    expect(await accept(browsers.alice, url)).toContain(ids.authServer)
    const again = await browsers.mallory.open(url)
    expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('already used, or has expired')])
  })

  it('does not use the callback in another browser than the one that pressed the button', async () => {
    const { world, bot, browsers, accept, decide } = await openScene()
    const consent = await accept(browsers.mallory, (await bot.connect(mallory, api)).url)
    expect(await decide('alice', consent)).toContain('data-state="refused"')
    expect(await bot.for(mallory.id)).toBeUndefined()
    expect(world.sent.some(({ url }) => url.endsWith('/agent/revoke'))).toBe(false)
  })

  it('does not start from another site, or for a link preview (attacks L16)', async () => {
    const { world, bot, browsers } = await openScene()
    const { url } = await bot.connect(mallory, api)
    const body = new URLSearchParams({ ticket: new URL(url).searchParams.get('ticket') ?? '' })
    for (const origin of ['https://evil.example', 'null', undefined]) {
      const headers = origin === undefined ? {} : { origin }
      const response = await browsers.alice.send(new Request(`${ids.agent}/connect`, { method: 'POST', body, headers }))
      expect([response.status, response.headers.getSetCookie()]).toEqual([403, []])
    }
    const before = world.sent.length
    const preview = await browsers.alice.open(url)
    expect([preview.status, preview.headers.getSetCookie()]).toEqual([200, []])
    expect(world.sent.length).toBe(before + 1)
    expect((await browsers.alice.open(url)).status).toBe(200)
  })

  it('always has the auth server ask, because it sends no Referer', async () => {
    const { bot, browsers } = await openScene()
    const { url } = await bot.connect(alice, api)
    const page = await browsers.alice.open(url)
    expect(page.headers.get('referrer-policy')).toBe('same-origin')
    const { headers } = await browsers.alice.submit(await page.text(), url, {})
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('revokes at the auth server what is not confirmed in ten minutes (attacks L17)', async () => {
    const { world, bot, store, refreshes, digitsFor } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    const [session = ''] = (await store.list('chats')).map(({ data }) => (data as { id: string }).id)
    const [refreshToken = ''] = await refreshes(session)
    world.clock.now += 599
    expect(await bot.sweep()).toBe(0)
    expect(await refreshes(session)).toEqual([refreshToken])
    const kept = await store.list(session)
    world.clock.now += 2
    expect(await bot.confirm(alice.id, digits)).toBe('none')
    expect(await bot.sweep()).toBe(0)
    expect(await store.list(session)).toEqual([])
    expect(await store.list('chats')).toEqual([])
    const revoked = world.sent.filter(({ url }) => url.endsWith('/agent/revoke'))
    const bodies = await Promise.all(revoked.map((each) => each.text()))
    expect(bodies.at(-1)).toBe(String(new URLSearchParams({ token: refreshToken })))
    // The auth server no longer accepts it, even if someone has kept it.
    for (const record of kept) await store.put(session, record)
    const { fetch, agentSigner: signer } = world
    const options = { id: ids.agent, signer, authServers: [ids.authServer], store, fetch, now: () => world.clock.now }
    const thief = createWebAgent({ ...options, sessionOf: () => session }).for(session)
    await expect(thief.fetch(api)).rejects.toMatchObject({ code: 'consent_required' })
  })

  it('tries again to revoke while the auth server is not responding, also after a restart', async () => {
    const { world, bot, open, store, digitsFor } = await openScene()
    await digitsFor('alice', (await bot.connect(alice, api)).url)
    world.clock.now += 601
    const handler = world.origins.get(ids.authServer)
    world.origins.set(ids.authServer, () => new Response('', { status: 503 }))
    expect(await bot.sweep()).toBe(1)
    world.origins.set(ids.authServer, handler ?? (() => new Response()))
    expect(await open().sweep()).toBe(0)
    expect(await store.list('chats')).toEqual([])
  })

  it('tries again to revoke what two processes gave up at once while the auth server is not responding', async () => {
    const { world, bot, open, store, digitsFor, revocations } = await openScene()
    await digitsFor('alice', (await bot.connect(alice, api)).url)
    world.clock.now += 601
    const handler = world.origins.get(ids.authServer)
    world.origins.set(ids.authServer, () => new Response('', { status: 503 }))
    await Promise.all([bot.sweep(), open().sweep(), bot.sweep()])
    world.origins.set(ids.authServer, handler ?? (() => new Response()))
    const before = revocations().length
    expect(await open().sweep()).toBe(0)
    expect(revocations().length).toBe(before + 1)
    expect(await store.list('chats')).toEqual([])
  })

  it('leaves a connection alone that was confirmed while a sweep gave it up', async () => {
    const { bot, store, digitsFor } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    const [pending] = await store.list('chats')
    if (pending === undefined) throw new Error('nothing is pending')
    expect(await bot.confirm(alice.id, digits)).toBe('connected')
    const { id, data } = pending
    const gone = { ...pending, id: id.replace('session', 'given up'), data: { ...(data as object), state: 'given up' } }
    await store.put('chats', gone)
    expect(await bot.sweep()).toBe(0)
    expect((await (await bot.for(alice.id))?.fetch(api))?.status).toBe(200)
    expect(await store.list('chats')).toEqual([])
  })

  it('revokes an earlier connection when the user connects again, and the last one when they disconnect', async () => {
    const { bot, digitsFor, revocations } = await openScene()
    await bot.confirm(alice.id, await digitsFor('alice', (await bot.connect(alice, api)).url))
    await bot.confirm(alice.id, await digitsFor('alice', (await bot.connect(alice, api)).url))
    const count = revocations().length
    expect(count).toBeGreaterThan(0)
    expect((await (await bot.for(alice.id))?.fetch(api))?.status).toBe(200)
    await bot.disconnect(alice.id)
    expect(revocations().length).toBeGreaterThan(count)
    expect(await bot.for(alice.id)).toBeUndefined()
  })

  it('ends an unconfirmed connection when the user asks for another link', async () => {
    const { bot, digitsFor, revocations } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    await bot.connect(alice, api)
    expect(revocations().length).toBeGreaterThan(0)
    expect(await bot.confirm(alice.id, digits)).toBe('none')
  })

  it('ends an unconfirmed connection when the user is disconnected', async () => {
    const { bot, digitsFor, revocations } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    await bot.disconnect(alice.id)
    expect(revocations()).toHaveLength(1)
    expect(await bot.confirm(alice.id, digits)).toBe('none')
  })

  it('revokes what was confirmed if the process is killed before it has stored the connection', async () => {
    const store = memoryStore()
    const { world, bot, open, digitsFor, revocations } = await openScene({ store })
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    const put = store.put.bind(store)
    store.put = (owner, record) => {
      if (owner === `chat ${alice.id}`) throw new Error('killed')
      return put(owner, record)
    }
    await expect(bot.confirm(alice.id, digits)).rejects.toThrow('killed')
    world.clock.now += 60
    expect(await open().sweep()).toBe(0)
    expect(revocations()).toHaveLength(1)
    expect(await store.list('chats')).toEqual([])
  })

  it('connects another decision while an earlier one cannot be revoked', async () => {
    const { world, bot, digitsFor } = await openScene()
    const handler = world.origins.get(ids.authServer)
    world.origins.set(ids.authServer, (request) =>
      request.url.endsWith('/agent/revoke')
        ? new Response('', { status: 503 })
        : (handler?.(request) ?? new Response()),
    )
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    for (const by of [1, 2, 3]) await bot.confirm(alice.id, other(digits, by))
    const next = await digitsFor('alice', (await bot.connect(alice, api)).url)
    expect(await bot.confirm(alice.id, next)).toBe('connected')
  })

  it('ignores text that is not six digits, without using up an attempt', async () => {
    const { bot, digitsFor } = await openScene()
    const digits = await digitsFor('alice', (await bot.connect(alice, api)).url)
    for (const text of ['', 'hello', '12345', '1234567', '１２３４５６'])
      expect(await bot.confirm(alice.id, text)).toBe('none')
    expect(await bot.confirm(alice.id, digits)).toBe('connected')
  })

  it('refuses options that it provides itself', () => {
    const options = { id: ids.agent, sessionOf: () => 'one' } as unknown as Parameters<typeof createChatAgent>[0]
    expect(() => createChatAgent(options)).toThrow('sessionOf is not an option of createChatAgent')
  })
})
