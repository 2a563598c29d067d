import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from '../median.mjs'
import { startTested } from './child.mjs'
import { repeat } from './measure.mjs'
import { openDatabases } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:processes -- [--rounds N] [--folder PATH]

The cost of a consent flow when two processes of the auth server share one
PostgreSQL database, compared with one process, and with two servers that each
have their own database. The latter share nothing but the machine, whose caches
and cores are divided among more processes.

--rounds N    number of rounds; each round measures all of them (default 8)
--folder      where the databases are created (default: the temporary folder)
`

/** Concurrent clients, and flows per round. */
const parallel = 16
const times = 320

let values
try {
  values = parseArgs({
    options: {
      rounds: { type: 'string', default: '8' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values
  if (!(Number.isSafeInteger(Number(values.rounds)) && Number(values.rounds) > 0))
    throw new TypeError('--rounds must be a whole number above 0')
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (values.help) process.stdout.write(usage)
else await run(Number(values.rounds), values.folder)

async function run(rounds, folder) {
  const databases = await openDatabases('postgres', folder)
  const keys = await createKeys()
  const started = []
  const open = async (processes) => {
    const settings = { keys, name: 'server', databases, database: await databases.create() }
    const server = await startTested(settings, { connections: 4 * parallel, processes })
    started.push(server)
    await server.operations.prepare()
    // Every user first grants something to every agent.
    await repeat(() => server.operations.flow(), { times: 768, parallel })
    return server
  }
  try {
    const rows = [
      { name: 'one process', servers: [await open(1)], measured: [] },
      { name: 'two on one database', servers: [await open(2)], measured: [] },
      { name: 'two on their own', servers: [await open(1), await open(1)], measured: [] },
    ]
    for (let round = 0; round < rounds; round++) {
      for (const { servers, measured } of round % 2 === 0 ? rows : rows.toReversed())
        measured.push(await measure(servers))
    }
    process.stdout.write(describe(rows))
  } finally {
    for (const server of started) await server.end()
    await databases.close()
  }
}

async function measure(servers) {
  const before = await cpuOf(servers)
  const begun = performance.now()
  const share = { times: times / servers.length, parallel: parallel / servers.length }
  await Promise.all(servers.map(({ operations }) => repeat(() => operations.flow(), share)))
  const rate = (times / (performance.now() - begun)) * 1000
  const after = await cpuOf(servers)
  return { own: (after.own - before.own) / times, database: (after.database - before.database) / times, rate }
}

async function cpuOf(servers) {
  const read = await Promise.all(servers.map((server) => server.read()))
  return { own: read.reduce((sum, { cpu }) => sum + cpu, 0), database: read[0].databaseCpu }
}

function describe(rows) {
  const [{ measured: ofOne }] = rows
  const line = (name, cells) => `${name.padEnd(20)}${cells.map((cell) => cell.padStart(12)).join('')}\n`
  return (
    'CPU time per consent flow of the auth server and of PostgreSQL, in microseconds;\n' +
    'flows per second with 16 clients; both relative to one process, in each round.\n\n' +
    line('', ['CPU', 'PostgreSQL', 'per second', 'CPU / one', 'rate / one']) +
    rows
      .map(({ name, measured }) => {
        const of = (value) => median(measured.map(value))
        const cells = [of(({ own }) => own), of(({ database }) => database), of(({ rate }) => rate)]
        const beside = [
          of(({ own }, round) => own / ofOne[round].own),
          of(({ rate }, round) => rate / ofOne[round].rate),
        ]
        return line(name, [...cells.map((cell) => cell.toFixed(0)), ...beside.map((ratio) => ratio.toFixed(2))])
      })
      .join('')
  )
}
