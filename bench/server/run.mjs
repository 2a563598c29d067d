import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startChild } from './child.mjs'
import { measureRound, measureTimes, median, repeat } from './measure.mjs'
import { formatServerJson, formatServerReport } from './report.mjs'
import { requireStorage } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:server -- [--json] [--rounds N] [--seconds N]
       [--storage sqlite] [--folder PATH]

--json        one JSON object on stdout and nothing else
--rounds N    rounds, each of which has every server do everything (default 6)
--seconds N   seconds at half of the peak, for each server (default 5)
--storage     where the auth server keeps what it knows: sqlite (the default)
--folder      on which disk, for sqlite; it gets a folder of its own there, which
              is removed (default: the folder for temporary files)
`

const parallel = 16
/** What is measured, against what, and how often in a round. */
const plan = [
  { operation: 'flow', floor: 'floor', times: 96 },
  { operation: 'refresh', floor: 'floor', times: 400 },
  { operation: 'signIn', floor: 'floor', times: 16 },
  { operation: 'page', floor: 'floor', times: 200 },
  { operation: 'document', floor: 'hono', times: 1000 },
]
/** How often it is done by one client, where statements and writes to the disk are counted. */
const counts = { flow: 50, refresh: 200, signIn: 10, page: 50 }

let options
try {
  options = readArguments()
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (options.help) process.stdout.write(usage)
else await run(options)

async function run({ json, rounds, seconds, storage, folder: parent }) {
  const folder = mkdtempSync(join(parent, 'countersign-bench-'))
  const keys = await createKeys()
  const started = []
  const start = async (settings, connections) => {
    const child = await startChild({ keys, ...settings }, connections)
    started.push(child)
    return child
  }
  try {
    const place = { kind: storage, folder }
    const server = await start({ name: 'server', storage: place }, 64)
    const children = { server, floor: await start({ name: 'floor' }, 64), hono: await start({ name: 'hono' }, 64) }
    await warmUp(children)
    const measured = await measureRounds(children, { rounds, seconds })
    for (const child of started.splice(0)) await child.end()
    const counted = await count(start, { ...place, folder: mkdtempSync(join(folder, 'counted-')) })
    process.stdout.write((json ? formatServerJson : formatServerReport)(measured, counted))
  } finally {
    for (const child of started) await child.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function warmUp({ server, floor, hono }) {
  for (const { operations } of [server, floor]) {
    await operations.prepare()
    // Everybody allows every agent something: one that nobody knows may have few requests open.
    await repeat(operations.flow, { times: 512, parallel })
    await operations.openRequests(64)
    await repeat(operations.refresh, { times: 1000, parallel })
    await repeat(operations.page, { times: 300, parallel })
  }
  for (const { operations } of [server, hono]) await repeat(operations.document, { times: 4000, parallel })
}

async function measureRounds(children, { rounds, seconds }) {
  const results = plan.map((row) => ({ ...row, own: [], limit: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const { operation, floor, times, own, limit } of results) {
      const pair = [
        [children.server, own],
        [children[floor], limit],
      ]
      for (const [child, into] of round % 2 === 0 ? pair : pair.reverse())
        into.push(await measureRound(child, operation, { times, parallel }))
    }
  }
  const bytes = await bytesPerFlow(children.server)
  for (const result of results) {
    const { operation, own, floor } = result
    if (!['flow', 'refresh', 'page'].includes(operation)) continue
    const rate = median(own.map((each) => each.rate)) / 2
    result.half = {
      own: await measureTimes(children.server, operation, { rate, seconds }),
      limit: await measureTimes(children[floor], operation, { rate, seconds }),
    }
  }
  for (const result of results) {
    await children.server.ask('watchCalls')
    await repeat(children.server.operations[result.operation], { times: 2 * result.times, parallel })
    result.storageShare = await children.server.ask('readCalls')
  }
  return { results, bytes }
}

async function bytesPerFlow({ ask, operations }) {
  const times = 320
  const before = await ask('read')
  await repeat(operations.flow, { times, parallel })
  return ((await ask('read')).bytes - before.bytes) / times
}

/** Statements and writes to the disk of one operation, with one client. */
async function count(start, storage) {
  const server = await start({ name: 'server', storage, counts: true }, 1)
  const { operations } = server
  await operations.prepare()
  await repeat(operations.flow, { times: 512, parallel: 1 })
  await operations.openRequests(16)
  const counted = {}
  for (const [operation, times] of Object.entries(counts)) {
    await repeat(operations[operation], { times: 5, parallel: 1 })
    const before = await server.ask('read')
    const syncs = await server.countSyncs(storage.folder, () => repeat(operations[operation], { times, parallel: 1 }))
    const { statements } = await server.ask('read')
    counted[operation] = {
      statements: (statements - before.statements) / times,
      syncs: syncs === undefined ? undefined : syncs / times,
    }
  }
  return counted
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '6' },
      seconds: { type: 'string', default: '5' },
      storage: { type: 'string', default: 'sqlite' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  if (![rounds, seconds].every((number) => Number.isSafeInteger(number) && number > 0))
    throw new TypeError('--rounds and --seconds take a whole number above 0')
  return { ...values, rounds, seconds, storage: requireStorage(values.storage) }
}
