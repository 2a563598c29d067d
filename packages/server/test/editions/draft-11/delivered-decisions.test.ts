import { decodeToken } from 'countersign/tokens'
import type { Storage } from 'countersign-server'
import { StorageError } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import {
  askAuth,
  decide,
  obtainPerson,
  openPerson,
  openPersonStage,
  type PersonStage,
  type PersonStageOptions,
  pendingIn,
  poll,
  problemIn,
} from './person-stage.js'

/** A stage on which a user has allowed an auth token for one of their accounts. */
async function openAllowed(options?: PersonStageOptions) {
  const stage = await openPersonStage(options)
  const person = await obtainPerson(stage)
  const { location, page } = pendingIn(await askAuth(stage, person, { claims: { account: 'work' } }))
  await decide(stage, page)
  return { stage, location, person }
}

/** Polls on a connection that the agent has closed. */
function pollDead(stage: PersonStage, location: string): Promise<Response> {
  const { fetch } = stage
  return poll({ ...stage, fetch: (input) => fetch(input, { signal: AbortSignal.abort() }) }, location)
}

const redemptions = ({ storage }: PersonStage) => storage.listEvents({ event: 'code.redeemed' })

describe('a decision is not used up by a poll whose agent has disconnected', () => {
  it.each(['an account', 'no account'])('for %s', async (what) => {
    const { stage, location } = await openAllowed()
    const other = await openPerson(stage, { resource: stage.otherResource.id })
    await decide(stage, other.page)
    const polled = what === 'an account' ? location : other.location
    const before = (await redemptions(stage)).length
    expect((await pollDead(stage, polled)).status).toBe(202)
    expect(await redemptions(stage)).toHaveLength(before)
    expect((await poll(stage, polled)).status).toBe(200)
  })
})

describe('a decision about an account is issued once, and kept', () => {
  it('if several polls arrive at the same time', async () => {
    const { stage, location } = await openAllowed()
    const polls = await Promise.all([1, 2, 3].map(() => poll(stage, location, { wait: 20 })))
    expect(polls.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 410, 410])
    expect(await redemptions(stage)).toHaveLength(2)
  })

  it('if the process is killed after it recorded the token: the agent asks again, and the grant answers', async () => {
    let isKilled = false
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      async redeemCode(redemption) {
        const outcome = await storage.redeemCode(redemption)
        if (isKilled) throw new StorageError('unavailable', 'killed')
        return outcome
      },
    })
    const { stage, location, person } = await openAllowed({ wrap })
    isKilled = true
    expect((await poll(stage, location)).status).toBe(503)
    isKilled = false
    expect((await poll(stage, location)).status).toBe(410)
    const again = await askAuth(stage, person, { claims: { account: 'work' } })
    const { auth_token: token } = await again.json()
    expect(decodeToken(token)?.payload).toMatchObject({ account: 'work' })
    expect((await askAuth(stage, person, { claims: { account: 'home' } })).status).toBe(202)
  })
})

describe('a terminal response is sent once, then the request is gone, and further polls write nothing', () => {
  it.each<[string, number, (stage: PersonStage) => Promise<unknown>]>([
    ['delivered', 200, async () => undefined],
    ['not fetched in time', 408, async ({ clock }) => (clock.now += 301)],
    [
      'removed by the user',
      403,
      async ({ storage }) => {
        for (const { id, userId } of await storage.listGrants({ live: true }))
          await storage.revokeGrant({ grantId: id, by: userId })
      },
    ],
    [
      'of a user who was disabled',
      403,
      async ({ storage }) => {
        const [grant] = await storage.listGrants()
        await storage.setUserStatus(grant?.userId ?? '', 'disabled')
      },
    ],
  ])('%s: %i', async (_what, status, change) => {
    const calls: string[] = []
    const wrap = (storage: Storage): Storage => ({
      ...storage,
      redeemCode(redemption) {
        calls.push('redeemCode')
        return storage.redeemCode(redemption)
      },
      markAnswered(hash) {
        calls.push('markAnswered')
        return storage.markAnswered(hash)
      },
    })
    const stage = await openPersonStage({ wrap })
    const { location, page } = await openPerson(stage)
    await decide(stage, page)
    await change(stage)
    expect((await poll(stage, location)).status).toBe(status)
    expect((await poll(stage, location)).status).toBe(410)
    calls.length = 0
    for (const wait of [undefined, 20])
      expect(await problemIn(await poll(stage, location, wait === undefined ? {} : { wait }))).toMatchObject({
        status: 410,
        error: 'invalid_code',
      })
    expect(calls).toEqual([])
  })

  it('because the token that was presented has expired', async () => {
    const stage = await openPersonStage()
    const person = await obtainPerson(stage)
    stage.clock.now += 3400
    const { location, page } = pendingIn(await askAuth(stage, person))
    await decide(stage, page)
    stage.clock.now += 250
    expect(await problemIn(await poll(stage, location))).toMatchObject({ status: 408, error: 'expired' })
    expect((await poll(stage, location)).status).toBe(410)
  })
})
