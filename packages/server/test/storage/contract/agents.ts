import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  boundRequest,
  edition,
  freshHash,
  newRequest,
  outcomeOf,
  refreshable,
  rememberedGrant,
  resource,
  rotating,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const sighting = { agent, name: 'Planner', redirectHosts: ['agent.example'], keyThumbprints: ['jkt-1', 'jkt-2'] }
const traits = { name: 'Planner', redirectHosts: ['agent.example'], keyThumbprints: ['jkt-1', 'jkt-2'] }

export function agentContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: agents`, makeStorage, (world) => {
    const block = (blocked: boolean) => world.storage.setAgentBlocked({ agent, blocked, by: 'operator' })

    test('a sighting returns what was known before', async () => {
      const { storage } = world
      expect(await storage.recordAgent(sighting)).toEqual({ firstSeenAt: start, lastSeenAt: start, known: undefined })
      world.now = start + 100
      const changed = { ...sighting, name: undefined, keyThumbprints: ['jkt-3'] }
      expect(await storage.recordAgent(changed)).toEqual({ firstSeenAt: start, lastSeenAt: start, known: traits })
      world.now = start + 200
      expect(await storage.recordAgent(sighting)).toEqual({
        firstSeenAt: start,
        lastSeenAt: start + 100,
        known: { ...traits, name: null, keyThumbprints: ['jkt-3'] },
      })
      expect(await storage.findAgent(agent)).toEqual({
        agent,
        ...traits,
        firstSeenAt: start,
        lastSeenAt: start + 200,
        blockedAt: null,
        blockedBy: null,
        hostBlockedAt: null,
      })
      expect(await storage.findAgent('https://other.example')).toBeUndefined()
    })

    test('a change of name, hosts or keys is audited, and a different order is not a change', async () => {
      const { storage } = world
      await storage.recordAgent(sighting)
      await storage.recordAgent({ ...sighting, keyThumbprints: ['jkt-2', 'jkt-1'] })
      await storage.recordAgent({ ...sighting, redirectHosts: ['agent.example', 'evil.example'] })
      await storage.recordAgent({ ...sighting, name: 'Bank', keyThumbprints: ['jkt-1'] })
      expect(await storage.listEvents()).toMatchObject([
        { event: 'agent.changed', agent, data: { redirectHosts: true } },
        { event: 'agent.changed', agent, data: { name: true, redirectHosts: true, keyThumbprints: true } },
      ])
    })

    test('of 20 parallel first sightings, one finds nothing known', async () => {
      const results = await Promise.all(times(20, () => world.storage.recordAgent(sighting)))
      expect(results.filter(({ known }) => known === undefined)).toHaveLength(1)
    })

    test('an agent that only sent a request is recorded, with no details', async () => {
      const { storage } = world
      await storage.createAuthRequest(newRequest())
      world.now = start + 100
      expect(await storage.recordAgent(sighting)).toEqual({ firstSeenAt: start, lastSeenAt: start, known: undefined })
    })

    test('text chosen by strangers is stored unchanged, whatever it contains', async () => {
      const { storage } = world
      const strange = 'a\0b \ud800 \u202e 😀'
      await storage.recordAgent({ agent, redirectHosts: [strange], keyThumbprints: [strange], name: strange })
      expect((await storage.findAgent(agent))?.name).toMatch(/^a.b/su)
      await storage.createAuthRequest(newRequest({ delegate: strange, prompt: strange }))
      expect((await storage.listEvents()).length).toBeGreaterThan(0)
    })

    test('a blocked agent cannot request, redeem or refresh anything, and its open requests are closed (A19)', async () => {
      const { storage } = world
      const open = await boundRequest(storage)
      const unredeemed = await allowedRequest(storage)
      expect(await storage.findStanding(agent)).toMatchObject({ isBlocked: false })
      expect((await Promise.all(times(5, () => block(true)))).filter((isDone) => isDone)).toEqual([true])
      expect(await storage.findStanding(agent)).toEqual({ isBlocked: true, isHostBlocked: false, hasBeenAllowed: true })
      expect(await storage.findStanding('https://other.example')).toMatchObject({ isBlocked: false })
      expect(await storage.findAgent(agent)).toMatchObject({ blockedAt: start, blockedBy: 'operator' })
      expect(outcomeOf(await storage.decideRequest(open.decision))).toBe('not_open')
      await expect(storage.createAuthRequest(newRequest())).rejects.toMatchObject({ code: 'agent_blocked' })
      await expect(storage.redeemCode(unredeemed.redemption)).rejects.toMatchObject({ code: 'agent_blocked' })
      expect(await storage.listEvents({ event: 'agent.blocked' })).toMatchObject([
        { agent, data: { by: 'operator', abandoned: 1 } },
      ])
      expect(await block(false)).toBe(true)
      expect(outcomeOf(await storage.redeemCode(unredeemed.redemption))).toBe('redeemed')
      await storage.createAuthRequest(newRequest())
      expect((await storage.listEvents({ event: 'agent.unblocked' })).map(({ data }) => data)).toEqual([
        { by: 'operator', abandoned: 0 },
      ])
    })

    test('a blocked host blocks every agent with a path on it, on any port, and no other (A19)', async () => {
      const { storage } = world
      const host = 'https://client.example'
      const blockHost = (blocked: boolean) => storage.setAgentBlocked({ agent: host, blocked, by: 'operator' })
      /** What an agent can do. */
      const use = async (client: string) => {
        const of = { agent: client }
        const open = await boundRequest(storage, of)
        const [code, kept, january, family] = [
          await allowedRequest(storage, of),
          await rememberedGrant(storage, of),
          await refreshable(storage, of),
          await rotating(storage, of),
        ]
        return async () => {
          const created = storage.createAuthRequest(newRequest(of)).then(
            ({ status }) => status,
            (error: { code: string }) => error.code,
          )
          const redeemed = storage.redeemCode(code.redemption).then(outcomeOf, (error: { code: string }) => error.code)
          const remembered = { ...code.redemption, userId: kept.user.id, edition, resource, scope: 'calendar.read' }
          const issued = storage.issueRemembered(remembered).then(outcomeOf, (error: { code: string }) => error.code)
          const attempts = [{ key: freshHash(), window: 60 }]
          return {
            issue: await issued,
            decide: outcomeOf(await storage.decideRequest(open.decision)),
            create: await created,
            redeem: await redeemed,
            refresh: outcomeOf(await storage.refreshGrant(january.refresh)),
            rotate: outcomeOf(await storage.rotateRefresh(family.present(0))),
            counted: (await storage.countRequest({ agent: client, attempts })).isBlocked,
            standing: await storage.findStanding(client),
            listed: (await storage.findAgent(client))?.hostBlockedAt,
          }
        }
      }
      const clients = [`${host}/`, `${host}/a.json`, `${host}/b/c.json`, `${host}:8443/a.json`]
      const blocked = await Promise.all(clients.map(use))
      const free = await Promise.all(
        [`${host}:8443`, `${host}.evil/a.json`, `${host}1/a.json`, 'https://other.example/a.json', 'opaque'].map(use),
      )
      expect(await blockHost(true)).toBe(true)
      for (const use of blocked)
        expect(await use()).toEqual({
          decide: 'not_open',
          issue: 'agent_blocked',
          create: 'agent_blocked',
          redeem: 'agent_blocked',
          refresh: 'agent_blocked',
          rotate: 'agent_blocked',
          counted: true,
          standing: { isBlocked: true, isHostBlocked: true, hasBeenAllowed: true },
          listed: start,
        })
      for (const use of free)
        expect(await use()).toEqual({
          decide: 'allowed',
          issue: 'issued',
          create: 'open',
          redeem: 'redeemed',
          refresh: 'refreshed',
          rotate: 'rotated',
          counted: false,
          standing: { isBlocked: false, isHostBlocked: false, hasBeenAllowed: true },
          listed: null,
        })
      await expect(storage.createAuthRequest(newRequest({ agent: `${host}/new.json` }))).rejects.toMatchObject({
        code: 'agent_blocked',
      })
      expect(await storage.listEvents({ event: 'agent.blocked' })).toMatchObject([
        { agent: host, data: { by: 'operator', abandoned: clients.length } },
      ])
      expect(await blockHost(false)).toBe(true)
      for (const use of blocked)
        expect(await use()).toMatchObject({ create: 'open', redeem: 'redeemed', rotate: 'rotated', listed: null })
      expect(await storage.findViolations()).toEqual([])
    })

    test('a block of a host with a port blocks no agent on another port', async () => {
      const { storage } = world
      await storage.setAgentBlocked({ agent: 'https://client.example:8443', blocked: true, by: 'operator' })
      const isBlocked = async (of: string) => (await storage.findStanding(of)).isHostBlocked
      expect(await isBlocked('https://client.example:8443/a.json')).toBe(true)
      expect(await isBlocked('https://client.example:9443/a.json')).toBe(false)
      expect(await isBlocked('https://client.example/a.json')).toBe(false)
      await storage.setAgentBlocked({ agent: 'https://[2001:db8::1]', blocked: true, by: 'operator' })
      expect(await isBlocked('https://[2001:db8::1]:8443/a.json')).toBe(true)
      const { id } = await storage.createAuthRequest(newRequest({ agent: 'https://client.example/a.json' }))
      expect(id).toBeTruthy()
    })

    test('an agent that is blocked by its own identifier blocks no others on its host', async () => {
      const { storage } = world
      await storage.setAgentBlocked({ agent: 'https://client.example/a', blocked: true, by: 'operator' })
      await storage.createAuthRequest(newRequest({ agent: 'https://client.example/a/b' }))
      await storage.createAuthRequest(newRequest({ agent: 'https://client.example' }))
      expect(await storage.findStanding('https://client.example/a')).toMatchObject({
        isBlocked: true,
        isHostBlocked: false,
      })
    })

    test('an unknown agent can be blocked, and unblocking one that is not blocked has no effect', async () => {
      expect(await block(false)).toBe(false)
      expect(await block(true)).toBe(true)
      await expect(world.storage.createAuthRequest(newRequest())).rejects.toMatchObject({ code: 'agent_blocked' })
    })

    test('no request that races a block stays open', async () => {
      const { storage } = world
      const asked = times(21, () => newRequest({ maxOpen: 100 }))
      await Promise.allSettled(
        asked.map((request, index) => (index === 10 ? block(true) : storage.createAuthRequest(request))),
      )
      for (const { tokenHash } of asked) {
        expect((await storage.findAuthRequest(tokenHash))?.status ?? 'abandoned').toBe('abandoned')
      }
    })

    test('agents are listed by identifier, by page, part of it, and whether blocked', async () => {
      const { storage } = world
      for (const label of ['c', 'a', 'b']) await storage.recordAgent({ ...sighting, agent: `https://${label}.example` })
      await storage.setAgentBlocked({ agent: 'https://b.example', blocked: true, by: 'operator' })
      const listed = async (filter?: object) => (await storage.listAgents(filter)).map((seen) => seen.agent)
      expect(await listed()).toEqual(['https://a.example', 'https://b.example', 'https://c.example'])
      expect(await listed({ limit: 1, after: 'https://a.example' })).toEqual(['https://b.example'])
      expect(await listed({ query: 'C.EX' })).toEqual(['https://c.example'])
      expect(await listed({ query: '_' })).toEqual([])
      expect(await listed({ blocked: true })).toEqual(['https://b.example'])
      expect(await listed({ blocked: false })).toEqual(['https://a.example', 'https://c.example'])
    })

    test('agents are listed by their identifiers, with the blocks of their hosts', async () => {
      const { storage } = world
      const clients = times(20, (index) => `https://client-${String(index).padStart(2, '0')}.example/client.json`)
      for (const client of clients) await storage.recordAgent({ ...sighting, agent: client })
      await storage.setAgentBlocked({ agent: 'https://client-07.example', blocked: true, by: 'operator' })
      const listed = (filter: object) => storage.listAgents({ limit: 1000, ...filter })
      for (const count of [1, 2, 3, 17, 20]) {
        const wanted = clients.slice(20 - count)
        const found = await listed({ agents: [...wanted.toReversed(), 'https://unknown.example', ...wanted] })
        expect(found.map((seen) => seen.agent)).toEqual(wanted)
      }
      const blocked = (await listed({ agents: clients })).filter(({ hostBlockedAt }) => hostBlockedAt !== null)
      expect(blocked).toMatchObject([{ agent: clients[7], hostBlockedAt: start, blockedAt: null }])
      expect(await listed({ agents: clients, query: 'client-1', limit: 3 })).toHaveLength(3)
      expect(await listed({ agents: [] })).toEqual([])
    })

    test('an agent is deleted 90 days after it was last seen, unless it is blocked or was ever allowed', async () => {
      const { storage } = world
      await storage.recordAgent({ ...sighting, agent: 'https://seen.example' })
      await storage.recordAgent({ ...sighting, agent: 'https://blocked.example' })
      await storage.setAgentBlocked({ agent: 'https://blocked.example', blocked: true, by: 'operator' })
      await allowedRequest(storage)
      const listed = async () => (await storage.listAgents()).map((seen) => seen.agent)
      world.now = start + 90 * day - 1
      await storage.sweep()
      expect(await listed()).toHaveLength(3)
      world.now = start + 90 * day
      await storage.sweep()
      expect(await listed()).toEqual([agent, 'https://blocked.example'])
    })
  })
}
