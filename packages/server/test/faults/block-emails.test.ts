import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLong } from '../long.js'
import { openMailServer } from '../outbound/smtp/mail-server.js'
import { allowedRequest, newUser } from '../storage/fixtures.js'
import { openPostgres, type PostgresServer } from '../storage/postgres/postgres-server.js'
import { type Fault, type FaultStage, openFaultStage } from './fault-stage.js'
import { report, rounds } from './report.js'

let server: PostgresServer

beforeAll(async () => {
  if (isLong) server = await openPostgres()
})
afterAll(() => server?.close())

const engines = [
  {
    engine: 'SQLite',
    database: async () => undefined,
    write: async (sql: string, file: string) => {
      const database = new Database(file)
      database.exec(sql)
      database.close()
    },
  },
  {
    engine: 'PostgreSQL',
    database: () => server.createDatabase(),
    write: async (sql: string, name: string) => void (await server.query(sql, name)),
  },
]

const targets = ['notification', 'claim', 'settlement'] as const
const allPoints = ['before_consume', 'after_consume', 'before_commit', 'after_commit'] as const
const tried: Fault[] = isLong
  ? targets.flatMap((target) => allPoints.map((point): Fault => ({ target, point })))
  : [
      { target: 'settlement', point: 'before_commit' },
      { target: 'notification', point: 'after_commit' },
    ]

/** The emails about blocks that wait at the same time, and those that one instance sends at once. */
const [batch, atOnce] = [50, 5]

/** Adds users with confirmed addresses, who give the agent access. */
async function addUsers({ storage, agent }: FaultStage, count: number): Promise<Map<string, string>> {
  const addresses = new Map<string, string>()
  for (let index = 0; index < count; index += 1) {
    const user = await newUser(storage)
    // Before the address is confirmed, so that no email reports this.
    await allowedRequest(storage, { agent: agent.id }, { remembered: true }, user)
    const email = `user-${index}@home.example`
    await storage.editUser({ userId: user.id, email })
    await storage.confirmEmail({ userId: user.id, email, language: 'en' })
    addresses.set(user.id, email)
  }
  return addresses
}

describe.each(isLong ? engines : engines.slice(0, 1))(
  'a server on $engine that is killed',
  ({ engine, database, write }) => {
    it('while it notifies many users of a block: each receives one email, or it is reported why not', {
      timeout: isLong ? 3_600_000 : 240_000,
    }, async () => {
      const { port, received } = await openMailServer()
      const email = { from: 'accounts@auth.example', host: '127.0.0.1', port, security: 'none' }
      const created = await database()
      const stage = await openFaultStage({
        ...(created && { database: created.url }),
        settings: { email },
        isPatient: true,
      })
      const { storage, operator } = stage
      const [instance] = stage.instances
      const faults = Array.from({ length: rounds(1, 3) }, () => tried).flat()
      const addresses = await addUsers(stage, batch + faults.length * 3 * atOnce)
      const listed = async (event: string) =>
        (await storage.listEvents({ event, limit: 1000 })).map((of) => of.userId ?? '')

      for (const [index, fault] of faults.entries()) {
        stage.arm({ held: 1, ...fault })
        if (index === 0) await operator.run(`server agents block ${stage.agent.id}`)
        expect((await instance?.process.finished)?.status).toBe(null)
        expect(stage.disarm()).toBeGreaterThan(0)
        // The lease of what the killed process was sending ends.
        await write(
          'update email set due_at = 0 where due_at is not null and claimed_at is not null',
          created?.name ?? stage.file ?? '',
        )
        await instance?.start()
        // Before the next fault, the restarted process has reported these, and sends the rest.
        const before = received.length
        await expect.poll(() => received.length, { timeout: 60_000 }).toBeGreaterThan(before)
      }
      // The rest is sent by two instances at once.
      await stage.add({})
      const settled = async () => [...(await listed('email.sent')), ...(await listed('email.unsent'))].length
      await expect.poll(settled, { timeout: 120_000 }).toBe(addresses.size)

      const everyone = [...addresses.keys()].toSorted()
      expect((await listed('access.blocked')).toSorted()).toEqual(everyone)
      const [sent, unsent] = [await listed('email.sent'), await listed('email.unsent')]
      expect([...sent, ...unsent].toSorted()).toEqual(everyone)
      const arrived = received.map(({ to }) => to[0] ?? '')
      expect(new Set(arrived).size).toBe(arrived.length)
      const lost = [...addresses].filter(([id, address]) => !arrived.includes(address) && !unsent.includes(id))
      for (const { data } of await storage.listEvents({ event: 'email.unsent', limit: 1000 }))
        expect(data).toMatchObject({ kind: 'agent_blocked', outcome: 'unknown', reason: 'interrupted' })
      expect(unsent.length).toBeLessThanOrEqual(faults.length * atOnce)
      await stage.expectWhole()
      report(
        `emails about a block on ${engine}`,
        {
          kills: faults.length,
          users: everyone.length,
          'emails received': arrived.length,
          'reported as interrupted': unsent.length,
        },
        lost.map(([, address]) => address),
      )
    })
  },
)
