import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isPostgresUrl, type Storage } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createParty, type Party } from '../attacks/party.js'
import { people, type Stage } from '../attacks/stage.js'
import { listenOnLoopback } from '../listening-origin.js'
import {
  createOperatorStage,
  type InstanceProcess,
  type OperatorStage,
  type TestEnd,
} from '../operators/operator-stage.js'
import { patient } from '../storage/postgres/template.js'
import { scopes } from '../world.js'
import { directFetch } from './http-client.js'

export const points = ['before_consume', 'after_consume', 'before_commit', 'after_commit', 'before_write'] as const

/** When a server is killed: once the given number of requests has reached this point, or some time after the first has. */
export interface Fault {
  /**
   * `bug`: the server keeps running, but the statement fails because of a simulated bug, which also leaves a rejected promise unhandled.
   */
  point: (typeof points)[number] | 'bug'
  target: 'exchange' | 'decision' | 'delivery' | 'issue' | 'notification' | 'claim' | 'settlement'
  held?: number
}

/** An instance of the server, which can be stopped and started again. */
export interface FaultyInstance {
  readonly origin: string
  /** The origin of its readiness and metrics endpoints. */
  readonly admin: string
  readonly process: InstanceProcess
  start(env?: NodeJS.ProcessEnv): Promise<void>
  /** Sends a signal, and waits until the process has exited. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** A stage whose auth server runs as separate processes, on a database that outlives them. */
export interface FaultStage extends Stage {
  readonly operator: OperatorStage
  readonly instances: readonly FaultyInstance[]
  /** Returns a fetch that reaches the auth server at the given instance, and every other origin directly. */
  fetchAt(origin: string): typeof globalThis.fetch
  /** Starts another instance. */
  add(env: NodeJS.ProcessEnv): Promise<FaultyInstance>
  /** Arms a fault: from now on, every process is killed at its point. */
  arm(fault: Fault): void
  /** Disarms the fault, and returns how many requests reached its point. */
  disarm(): number
  /** Runs the invariant queries, and asserts that they find nothing. */
  expectWhole(): Promise<void>
}

interface FaultStageOptions {
  /** The URL of a PostgreSQL database, or the path of a SQLite file. @default a SQLite file */
  database?: string
  /** The database that the processes use instead, such as a proxy. */
  seenAs?: string
  instances?: number
  settings?: object
  env?: NodeJS.ProcessEnv
  /** Whether the servers wait for a slow database, for tests in which no request may fail. @default false */
  isPatient?: boolean
  /** Creates the handler of a party's origin. @default its own, which publishes the documents of January */
  handlerOf?: (party: Party) => Party['handler']
}

const hook = fileURLToPath(new URL('hook.mjs', import.meta.url))

/** Limits that no party on a stage reaches. The defaults protect a server from strangers. */
export const generous = { rateFactor: 1_000_000, openRequests: 10_000, sessions: 10_000 }

/** Opens a stage for one test. Everything is stopped when the test has finished. */
export async function openFaultStage(
  {
    database,
    seenAs = database,
    instances: count = 1,
    settings = {},
    env = {},
    isPatient = false,
    handlerOf = ({ handler }) => handler,
  }: FaultStageOptions = {},
  test: TestEnd = { onTestFinished },
): Promise<FaultStage> {
  const ports = await Promise.all(Array.from({ length: 4 }, () => listenOnLoopback()))
  test.onTestFinished(async () => void (await Promise.all(ports.map((port) => port.close()))))
  const [one, two, three, four] = ports.map(({ origin }) => origin)
  if (!one || !two || !three || !four) throw new TypeError('expected four ports')
  const parties = {
    agent: await createParty('agent', one, { name: 'First Agent', redirect_uris: [`${one}/callback`] }),
    otherAgent: await createParty('agent', two, { name: 'Other Agent', redirect_uris: [`${two}/callback`] }),
    resource: await createParty('resource', three, {
      supported_scopes: Object.keys(scopes),
      scope_descriptions: scopes,
    }),
    otherResource: await createParty('resource', four, {}),
  }
  for (const [index, party] of Object.values(parties).entries()) ports[index]?.serve(handlerOf(party))
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
  const instances: FaultyInstance[] = []
  async function add(own: NodeJS.ProcessEnv = {}): Promise<FaultyInstance> {
    const port = instances.length === 0 ? Number(new URL(operator.issuer).port) : await freePort()
    const options = `--import=${hook} ${own.NODE_OPTIONS ?? ''}`
    const common = { FAULT_FILE: file, ...(isPatient && { FAULT_PATIENT: 'yes' }) }
    const instance = await createInstance(operator, port, { ...common, ...own, NODE_OPTIONS: options })
    await instance.start()
    instances.push(instance)
    return instance
  }
  for (let index = 0; index < count; index += 1) await add(env)
  const storage = await openStorage(database, operator.database)
  test.onTestFinished(() => storage.close())
  for (const { username, password } of Object.values(people))
    await expect(
      operator.run(`server users add ${username} --password-stdin`, { input: `${password}\n` }),
    ).resolves.toMatchObject({ status: 0 })
  let turn = 0
  const fetchAt = (to: string) => directFetch((origin) => (origin === operator.issuer ? to : origin))
  return {
    ...parties,
    authServer: operator.issuer,
    operator,
    instances,
    fetchAt,
    add,
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
  return isPostgresUrl(database ?? file)
    ? postgresStorage(database ?? file, { sweepInterval: 0, ...patient })
    : sqliteStorage(database ?? file, { sweepInterval: 0 })
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
      if (!running) throw new TypeError('the instance was not started')
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
