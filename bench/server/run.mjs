import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from '../median.mjs'
import { startTested } from './child.mjs'
import { measureRound, measureTimes, repeat } from './measure.mjs'
import { formatServerJson, formatServerReport } from './report.mjs'
import { openDatabases, requireStorage } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:server -- [--json] [--rounds N] [--seconds N]
       [--storage WHERE] [--processes N] [--folder PATH]

--json        one JSON object on stdout and nothing else
--rounds N    number of rounds; each round runs every operation on every server
              (default 6)
--seconds N   seconds at half of the peak, for each server, three times (default 3)
--storage     the storage of the auth server: sqlite (the default); postgres,
              which the benchmark starts; or the postgres:// URL of a role that
              may create databases (its CPU time and writes are not measured)
--processes N processes of the auth server, which the client uses in turn; more
              than one requires PostgreSQL (default 1)
--folder      where the databases are created, in a folder that is removed
              afterwards (default: the temporary folder)
`

const parallel = 16
/** The operations that are measured, their floor, what the floor runs if not the same, and how often each runs per round. */
const plan = [
  { operation: 'flow', floor: 'floor', times: 96 },
  { operation: 'refresh', floor: 'floor', times: 400 },
  { operation: 'bearerRefresh', floor: 'server', beside: 'refresh', times: 400 },
  { operation: 'signIn', floor: 'floor', times: 16 },
  { operation: 'page', floor: 'floor', times: 200 },
  { operation: 'document', floor: 'hono', times: 1000 },
]
/** How often one client runs each operation while statements and disk writes are counted. */
const counts = { flow: 50, refresh: 200, bearerRefresh: 200, signIn: 10, page: 50 }

/** The refresh tokens of OAuth clients: each may be used 60 times a minute. */
const families = 512

let options
try {
  options = readArguments()
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (options.help) process.stdout.write(usage)
else await run(options)

async function run({ json, rounds, seconds, processes, storage, folder }) {
  const keys = await createKeys()
  const databases = await openDatabases(storage, folder)
  const started = []
  const start = async (settings, options) => {
    const server = await startTested({ keys, ...settings }, options)
    started.push(server)
    return server
  }
  const startServer = async (settings, options) =>
    start({ name: 'server', databases, database: await databases.create(), ...settings }, options)
  try {
    const database = await databases.create()
    const children = {
      server: await startServer({ database }, { connections: 64, processes }),
      floor: await start({ name: 'floor' }, { connections: 64 }),
      hono: await start({ name: 'hono' }, { connections: 64 }),
    }
    await warmUp(children)
    const measured = await measureRounds(children, database, { rounds, seconds })
    for (const child of started.splice(0)) await child.end()
    const counted = await count(await startServer({ counts: true }, { connections: 1 }))
    const { engine } = databases
    process.stdout.write((json ? formatServerJson : formatServerReport)({ ...measured, engine }, counted))
  } finally {
    for (const child of started) await child.end()
    await databases.close()
  }
}

async function warmUp({ server, floor, hono }) {
  for (const { operations } of [server, floor]) {
    await operations.prepare()
    // Every user grants something to every agent: an unknown agent may have only a few open requests.
    await repeat(operations.flow, { times: 512, parallel })
    await operations.openRequests(64)
    await repeat(operations.refresh, { times: 1000, parallel })
    await repeat(operations.page, { times: 300, parallel })
  }
  await repeat(server.operations.bearerFlow, { times: families, parallel })
  await repeat(server.operations.bearerRefresh, { times: 1000, parallel })
  for (const { operations } of [server, hono]) await repeat(operations.document, { times: 4000, parallel })
}

async function measureRounds(children, database, { rounds, seconds }) {
  const results = plan.map((row) => ({ ...row, own: [], limit: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const { operation, floor, beside = operation, times, own, limit } of results) {
      const pair = [
        [children.server, operation, own],
        [children[floor], beside, limit],
      ]
      for (const [child, measured, into] of round % 2 === 0 ? pair : pair.reverse())
        into.push(await measureRound(child, measured, { times, parallel }))
    }
  }
  const bytes = await bytesPerFlow(children.server, database)
  for (const result of results) {
    const { operation, own, floor } = result
    if (!['flow', 'refresh', 'page'].includes(operation)) continue
    const rate = median(own.map((each) => each.rate)) / 2
    const halves = { own: [], limit: [] }
    for (let time = 0; time < 3; time++) {
      halves.own.push(await measureTimes(children.server, operation, { rate, seconds }))
      halves.limit.push(await measureTimes(children[floor], operation, { rate, seconds }))
    }
    result.half = { own: medianOf(halves.own), limit: medianOf(halves.limit) }
  }
  for (const result of results) {
    await children.server.watchCalls()
    await repeat(children.server.operations[result.operation], { times: 2 * result.times, parallel })
    result.storageShare = await children.server.readCalls()
  }
  return { results, bytes }
}

function medianOf(times) {
  const of = (name) => median(times.map((each) => each[name]))
  return { p50: of('p50'), p99: of('p99'), delay: of('delay') }
}

async function bytesPerFlow({ operations }, database) {
  const times = 320
  const before = await database.bytes()
  await repeat(operations.flow, { times, parallel })
  return ((await database.bytes()) - before) / times
}

/** Statements and disk writes of one operation, with one client. */
async function count(server) {
  const { operations } = server
  await operations.prepare()
  await repeat(operations.flow, { times: 512, parallel: 1 })
  await operations.openRequests(16)
  await repeat(operations.bearerFlow, { times: 16, parallel: 1 })
  const counted = {}
  for (const [operation, times] of Object.entries(counts)) {
    await repeat(operations[operation], { times: 5, parallel: 1 })
    const before = await server.read()
    const syncs = await server.countSyncs(() => repeat(operations[operation], { times, parallel: 1 }))
    const { statements } = await server.read()
    counted[operation] = {
      statements: (statements - before.statements) / times,
      syncs: syncs && syncs.waited / times,
      laterSyncs: syncs && syncs.later / times,
    }
  }
  return counted
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '6' },
      seconds: { type: 'string', default: '3' },
      storage: { type: 'string', default: 'sqlite' },
      processes: { type: 'string', default: '1' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const storage = requireStorage(values.storage)
  const [rounds, seconds, processes] = ['rounds', 'seconds', 'processes'].map((name) => Number(values[name]))
  if (![rounds, seconds, processes].every((number) => Number.isSafeInteger(number) && number > 0))
    throw new TypeError('--rounds, --seconds and --processes must be whole numbers above 0')
  if (storage === 'sqlite' && processes > 1)
    throw new TypeError('--processes: more than one requires PostgreSQL; add --storage postgres')
  return { ...values, rounds, seconds, processes, storage }
}
