import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { rounds } from '../faults/report.js'
import { allowedRequest, type RotatingGrant, rotating } from '../storage/fixtures.js'
import { openTwoStorages } from '../storage/postgres/in-postgres.js'
import { temporaryFile } from '../storage/temporary-file.js'

const start = 1_600_000_000
const thief = 'https://thief.example'
const lifetimes = { idleSeconds: 2000, lifetime: 20_000 }

/** The expected state of a family. */
interface Model {
  generation: number
  rotatedAt: number
  idleEnd: number
  isRevoked: boolean
  isBlocked: boolean
  isDisabled: boolean
  isGrantRevoked: boolean
}

interface Presentation {
  generation: number
  agent: string
  scope: string | undefined
}

/** Presents a token to the model, and returns what the storage must return. */
function expected(model: Model, { generation, agent, scope }: Presentation, now: number): string {
  if (agent === thief) return 'foreign_agent'
  const isCurrent = generation === model.generation
  const isPrevious = generation === model.generation - 1 && now - model.rotatedAt <= 60
  const isReused = generation < model.generation && !isPrevious && !model.isRevoked && !model.isGrantRevoked
  const hasExpired = now >= start + lifetimes.lifetime || now >= model.idleEnd
  if (isReused && (model.isBlocked || model.isDisabled || !hasExpired)) {
    model.isRevoked = true
    return 'reused'
  }
  if (model.isBlocked) return 'agent_blocked'
  if (model.isDisabled) return 'user_disabled'
  if (model.isGrantRevoked) return 'grant_ended'
  if (model.isRevoked) return 'revoked'
  if (now >= start + lifetimes.lifetime) return 'expired'
  if (now >= model.idleEnd) return 'idle'
  if (generation > model.generation) return 'unknown'
  if (scope === 'calendar.admin') return 'scope_exceeded'
  if (!isCurrent) return `repeated ${model.generation}`
  model.generation += 1
  model.rotatedAt = now
  model.idleEnd = Math.min(now + lifetimes.idleSeconds, start + lifetimes.lifetime)
  return `rotated ${model.generation}`
}

/** Pseudo-random numbers, the same for a seed (xorshift32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const open: Storage[] = []
afterAll(() => Promise.all(open.map((storage) => storage.close())))

async function openTwoOnFile(now: () => number): Promise<Storage[]> {
  const path = temporaryFile()
  const storages = [1, 2].map(() => sqliteStorage(path, { sweepInterval: 0, usageDelay: 3600, now }))
  open.push(...storages)
  return storages
}

const engines = [
  ['two engines on one SQLite file', openTwoOnFile],
  ['two instances on PostgreSQL', openTwoStorages],
] as const

describe.each(engines)('a family of refresh tokens does what its model does, with %s', (_engine, openBoth) => {
  let now = start

  async function play(seed: number): Promise<string[]> {
    now = start
    const random = createRandom(seed)
    const storages = await openBoth(() => now)
    const any = (): Storage => storages[random(2)] as Storage
    const held = await rotating(any(), {}, { remembered: true }, undefined, lifetimes)
    const model: Model = {
      generation: 0,
      rotatedAt: start,
      idleEnd: start + lifetimes.idleSeconds,
      isRevoked: false,
      isBlocked: false,
      isDisabled: false,
      isGrantRevoked: false,
    }
    const played: string[] = []
    for (let step = 0; step < 40; step += 1) {
      const action = random(20)
      if (action < 12) await presentAny()
      else if (action < 17) now += [1, 30, 59, 60, 61, 1000, 1999, 2000][random(8)] ?? 0
      else await change(action)
    }
    expect(await any().findViolations()).toEqual([])
    return played

    async function presentAny(): Promise<void> {
      // Mostly the current generation and those next to it.
      const generation = Math.max(0, model.generation + ([0, 0, 0, 0, -1, -1, -2, 1][random(8)] ?? 0))
      const agent = random(8) === 0 ? thief : held.redemption.agent
      const scope = [undefined, undefined, 'calendar.read', 'calendar.admin'][random(4)]
      const presentation = { generation, agent, scope }
      const wanted = expected(model, presentation, now)
      const result = await any().rotateRefresh(held.present(generation, { agent, scope }))
      const actual = result.outcome === 'refused' ? result.reason : `${result.outcome} ${result.generation}`
      expect(actual, `seed ${seed}: ${[...played, JSON.stringify(presentation)].join(', ')}`).toBe(wanted)
      played.push(`${generation} ${actual.split(' ')[0]}`)
    }

    async function change(action: number): Promise<void> {
      if (action === 17) await toggle(any(), held, model, random(2))
      else if (action === 18) await allowAgain(any(), held, model)
      else if (random(4) === 0) await endForGood(any(), held, model, random(2))
    }
  }

  it('whatever is presented, in any order', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= rounds(20, 2000); seed += 1)
      for (const outcome of await play(seed)) seen.add(outcome.split(' ')[1] ?? '')
    for (const outcome of [
      'rotated',
      'repeated',
      'reused',
      'revoked',
      'foreign_agent',
      'unknown',
      'scope_exceeded',
      'idle',
    ])
      expect([...seen]).toContain(outcome)
  })
})

/** Blocks or unblocks the agent, or disables or enables the user. */
async function toggle(storage: Storage, held: RotatingGrant, model: Model, which: number): Promise<void> {
  if (which === 0) {
    model.isBlocked = !model.isBlocked
    await storage.setAgentBlocked({ agent: held.redemption.agent, blocked: model.isBlocked, by: 'operator' })
  } else {
    model.isDisabled = !model.isDisabled
    await storage.setUserStatus(held.user.id, model.isDisabled ? 'disabled' : 'active')
  }
}

/** Replaces the grant by another one, if the user can do that. */
async function allowAgain(storage: Storage, held: RotatingGrant, model: Model): Promise<void> {
  if (model.isBlocked || model.isDisabled) return
  await allowedRequest(storage, {}, { remembered: true }, held.user)
}

/** Revokes the family or its grant. */
async function endForGood(storage: Storage, held: RotatingGrant, model: Model, which: number): Promise<void> {
  const { agent, delegate } = held.redemption
  if (which === 0) {
    await storage.revokeRefreshToken({ family: held.family, agent, delegate })
    model.isRevoked = true
  } else {
    await storage.revokeGrants({ userId: held.user.id, by: 'operator' })
    model.isGrantRevoked = true
  }
}
