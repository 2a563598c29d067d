import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Storage } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, onTestFinished } from 'vitest'
import { createParty } from '../attacks/party.js'
import { people, type Stage } from '../attacks/stage.js'
import { listenOnLoopback } from '../listening-origin.js'
import {
  createOperatorStage,
  freePort,
  type InstanceProcess,
  type OperatorStage,
  type TestEnd,
} from '../operators/operator-stage.js'
import { patient } from '../storage/postgres/template.js'
import { scopes } from '../world.js'
import { directFetch } from './http-client.js'

export const points = ['before_consume', 'after_consume', 'before_commit', 'after_commit', 'before_write'] as const

/** Where a server is ended: when so many are at this point, or some time after the first is. */
export interface Fault {
  point: (typeof points)[number]
  target: 'exchange' | 'decision'
  held: number
}

/** An instance of the server, which can be ended and started again. */
export interface FaultyInstance {
  readonly origin: string
  /** Where its readiness and metrics are. */
  readonly admin: string
  readonly process: InstanceProcess
  start(env?: NodeJS.ProcessEnv): Promise<void>
  /** Ends it, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** A stage whose auth server is processes, in front of a database that outlives them. */
export interface FaultStage extends Stage {
  readonly operator: OperatorStage
  readonly instances: readonly FaultyInstance[]
  /** Reaches the auth server at one of its instances, or elsewhere. */
  fetchAt(origin: string): typeof globalThis.fetch
  /** Has every process end at a point, from now on. */
  arm(fault: Fault): void
  /** Has them go on, and says how many were held. */
  disarm(): number
  /** Runs the queries of the invariants. */
  expectWhole(): Promise<void>
}

interface FaultStageOptions {
  /** The URL of a PostgreSQL database. @default a SQLite file */
  database?: string
  /** What the processes use instead of it. */
  seenAs?: string
  instances?: number
  settings?: object
  env?: NodeJS.ProcessEnv
}

const hook = fileURLToPath(new URL('hook.mjs', import.meta.url))

/** Nobody on a stage comes to the limits that protect a server from strangers. */
export const generous = { rateFactor: 1_000_000, openRequests: 10_000, sessions: 10_000 }

/** A stage for one test; everything is stopped when the test has ended. */
export async function openFaultStage(
  { database, seenAs = database, instances: count = 1, settings = {}, env = {} }: FaultStageOptions = {},
  test: TestEnd = { onTestFinished },
): Promise<FaultStage> {
  const ports = await Promise.all(Array.from({ length: 4 }, () => listenOnLoopback()))
  test.onTestFinished(async () => void (await Promise.all(ports.map((port) => port.close()))))
  const [one, two, three, four] = ports.map(({ origin }) => origin)
  if (!one || !two || !three || !four) throw new TypeError('there are four ports')
  const parties = {
    agent: await createParty('agent', one, { name: 'First Agent', redirect_uris: [`${one}/callback`] }),
    otherAgent: await createParty('agent', two, { name: 'Other Agent', redirect_uris: [`${two}/callback`] }),
    resource: await createParty('resource', three, {
      supported_scopes: Object.keys(scopes),
      scope_descriptions: scopes,
    }),
    otherResource: await createParty('resource', four, {}),
  }
  for (const [index, party] of Object.values(parties).entries()) ports[index]?.serve(party.handler)
  const operator = await createOperatorStage(
    {
      ...(seenAs !== undefined && { database: seenAs }),
      admin: { port: await freePort() },
      limits: generous,
      ...settings,
    },
    test,
  )
  const file = join(operator.folder, 'fault.json')
  const instances = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const port = index === 0 ? Number(new URL(operator.issuer).port) : await freePort()
      return createInstance(operator, port, { NODE_OPTIONS: `--import=${hook}`, FAULT_FILE: file, ...env })
    }),
  )
  for (const instance of instances) await instance.start()
  const storage = await openStorage(database, operator.database)
  test.onTestFinished(() => storage.close())
  for (const { username, password } of Object.values(people))
    await expect(
      operator.run(`users add ${username} --password-stdin`, { input: `${password}\n` }),
    ).resolves.toMatchObject({ status: 0 })
  let turn = 0
  const fetchAt = (to: string) => directFetch((origin) => (origin === operator.issuer ? to : origin))
  return {
    ...parties,
    authServer: operator.issuer,
    operator,
    instances,
    fetchAt,
    fetch: (input, init) => fetchAt(instances[turn++ % instances.length]?.origin ?? '')(input, init),
    clock: {
      get now() {
        return Math.floor(Date.now() / 1000)
      },
    },
    storage,
    secrets: new Set(),
    file: database === undefined ? operator.database : undefined,
    arm: (fault) => writeFileSync(file, JSON.stringify(fault)),
    disarm() {
      rmSync(file, { force: true })
      const hits = existsSync(`${file}.hits`) ? Number(readFileSync(`${file}.hits`, 'utf8')) : 0
      rmSync(`${file}.hits`, { force: true })
      return hits
    },
    expectWhole: async () => expect(await storage.findViolations()).toEqual([]),
    close: async () => undefined,
  }
}

function openStorage(database: string | undefined, file: string): Promise<Storage> | Storage {
  return database === undefined
    ? sqliteStorage(file, { sweepInterval: 0 })
    : postgresStorage(database, { sweepInterval: 0, ...patient })
}

async function createInstance(
  operator: OperatorStage,
  port: number,
  common: NodeJS.ProcessEnv,
): Promise<FaultyInstance> {
  const admin = await freePort()
  let running: InstanceProcess | undefined
  const instance: FaultyInstance = {
    origin: `http://127.0.0.1:${port}`,
    admin: `http://127.0.0.1:${admin}`,
    get process() {
      if (!running) throw new TypeError('it was not started')
      return running
    },
    async start(env = {}) {
      running = await operator.spawnServe({ port, env: { COUNTERSIGN_ADMIN_PORT: String(admin), ...common, ...env } })
    },
    async end(signal) {
      running?.child.kill(signal)
      await running?.finished
    },
  }
  return instance
}
