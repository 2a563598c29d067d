import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMapStage, openSharedPostgresStage, type Stage, type StageOptions } from '../attacks/stage.js'
import { quickHash } from '../quick-hash.js'
import { type Cell, flows, newCell } from './flows.js'
import { interleavedStorage, noInterleaving, plan } from './interleave.js'
import { type Concurrent, denying, verbs } from './verbs.js'

const password = 'a password of a cell'

/** The verbs with which a request reads the state that its write depends on. A token depends on what the write itself reads. */
const reads = {
  session: ['findCredential', 'findPasskey', 'createUser'],
  passkey: ['findSession'],
  grant: ['findViewedRequest', 'findAuthRequest'],
  token: undefined,
  extension: ['findSession'],
  other: [],
} as const

/** The verbs that write each of them. */
const writes = {
  session: ['createSession', 'reauthenticate', 'setPasswordHash'],
  passkey: ['addPasskey'],
  grant: ['decideRequest', 'allowRemembered'],
  token: ['redeemCode', 'refreshGrant'],
  extension: ['extendPermissions'],
  other: [],
} as const

const stages = [
  ['SQLite', openMapStage],
  ['two instances on PostgreSQL', openSharedPostgresStage],
] as const

// J05 and J06 are among the cells: revocations while a code exchange, a refresh, an Allow or an extension is in progress.
describe.each(stages)(
  'J05, J06: a verb that commits before any storage call of a request, on %s',
  (_name, openStage) => {
    const interleaving = noInterleaving()
    let stage: Stage
    let passwordHash: string
    let cells = 0

    beforeAll(async () => {
      passwordHash = await quickHash(password)
      const options: StageOptions = {
        wrap: (storage) => interleavedStorage(storage, interleaving),
        policy: () => (denying.has(stage) ? { deny: 'a rule' } : 'ask'),
        accounts: { signUp: true },
        limits: { rateFactor: 1000, openRequests: 1000 },
      }
      stage = await openStage(options)
    })
    afterAll(async () => {
      expect(await stage.storage.findViolations()).toEqual([])
      await stage.close()
    })

    async function makeCell(): Promise<Cell> {
      denying.delete(stage)
      await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: false, by: 'operator' })
      // Far enough ahead that no rate limit of a minute or a quarter of an hour still counts.
      stage.clock.now += 1000
      return newCell(stage, `cell${++cells}`, passwordHash, password)
    }

    describe.each(Object.entries(flows))('%s', (_flow, flow) => {
      it.each(Object.entries(verbs))('%s', async (_verb, concurrent) => {
        const failures: string[] = []
        for (let after = 0; after < 40; after += 1) {
          const cell = await makeCell()
          const act = await flow.prepare(cell)
          const before = await stateOf(cell)
          let did: unknown
          plan(interleaving, after, async () => {
            const created = flow.creates && (await stage.storage.findCredential(flow.creates(cell)))
            if (created) cell.userId = created.user.id
            did = await concurrent.run(cell)
          })
          const response = await act()
          const { ranAfter, calls } = interleaving
          if (ranAfter === undefined) expect(response.status, 'an uninterrupted request succeeds').toBeLessThan(400)
          if (ranAfter === undefined && flow.writes === 'extension') expect(calls).toContain('extendPermissions')
          if (ranAfter === undefined || did === 'nothing') break
          const failed = await broken(cell, {
            flow: flow.writes,
            granted: flow.granted,
            concurrent,
            response,
            before,
            calls: [...calls],
            ranAfter,
          })
          failures.push(...failed.map((what) => `before call ${after} of ${calls.join(', ')}: ${what}`))
        }
        plan(interleaving)
        expect(failures).toEqual([])
      })
    })
  },
)

interface State {
  sessions: Set<string>
  passkeys: number
  grants: Set<string>
}

async function stateOf({ stage: { storage }, userId }: Cell): Promise<State> {
  return {
    sessions: new Set((await storage.listSessions({ userId })).map(({ id }) => id)),
    passkeys: (await storage.listPasskeys(userId)).filter(({ name }) => name === 'added').length,
    grants: new Set((await storage.listGrants({ userId })).map(({ id }) => id)),
  }
}

interface Played {
  flow: keyof typeof writes
  granted: string | undefined
  concurrent: Concurrent
  response: Response
  before: State
  calls: readonly string[]
  ranAfter: number
}

/** Effects of a request that it must not have. */
async function broken(
  cell: Cell,
  { flow, granted, concurrent, response, before, calls, ranAfter }: Played,
): Promise<string[]> {
  const { storage, agent } = cell.stage
  const failures: string[] = []
  if (response.status >= 500) failures.push(`${response.status}`)
  const wrote = calls.findIndex((call) => (writes[flow] as readonly string[]).includes(call))
  const readBy: readonly string[] | undefined = reads[flow]
  const hadRead = readBy === undefined || calls.slice(0, ranAfter).some((call) => readBy.includes(call))
  const isBetween = hadRead && wrote >= ranAfter + (concurrent.inProcess ? 1 : 0)
  const state = await stateOf(cell)
  const forbids = (what: 'session' | 'grant' | 'token' | 'extension') =>
    flow === what && isBetween && concurrent.forbids.includes(what)
  const isNew = (known: Set<string>) => (id: string) => !known.has(id)
  if (forbids('session') && [...state.sessions].some(isNew(before.sessions))) failures.push('a session')
  if (forbids('session') && response.headers.getSetCookie().some((cookie) => /session=aasn_/.test(cookie)))
    failures.push('a session cookie')
  // A flow that starts no session from an older state must not add a passkey from it either.
  const addsPasskey = flow === 'passkey' && isBetween && concurrent.forbids.includes('session')
  if (addsPasskey && state.passkeys > 0) failures.push('a passkey')
  if (forbids('grant') && [...state.grants].some(isNew(before.grants))) failures.push('a grant')
  if (forbids('grant') && /[?&]code=/.test(response.headers.get('location') ?? '')) failures.push('a code')
  if (forbids('token') && response.status === 200) failures.push('a token')
  const extended = await storage.listEvents({ userId: cell.userId, event: 'permission.extended' })
  if (forbids('extension') && extended.length > 0) failures.push('an extension')
  for (const { resource, agent: grantee } of await storage.listGrants({ userId: cell.userId }))
    if (resource !== cell.stage.resource.id || grantee !== agent.id) failures.push('a grant of something else')
  const live = await storage.listGrants({ userId: cell.userId, live: true })
  const isRemoved = concurrent === verbs['removal of the grants'] && wrote >= ranAfter && granted !== undefined
  if (isRemoved && live.some(({ scope }) => scope.split(' ').includes(granted))) failures.push('a removed permission')
  return failures
}
