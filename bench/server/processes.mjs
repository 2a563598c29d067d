import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { median } from '../median.mjs'
import { startTested } from './child.mjs'
import { repeat } from './measure.mjs'
import { openDatabases } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:processes -- [--rounds N] [--folder PATH]

What a consent flow costs where two processes of the auth server share one
PostgreSQL, beside one process, and beside two servers with a database each: these
share nothing but the machine, whose caches and cores every process more takes
from the others.

--rounds N    rounds, each of which has all of them do the same (default 8)
--folder      on which disk the databases are (default: the folder for temporary files)
`

/** Clients at once, and flows of a round. */
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
    throw new TypeError('--rounds takes a whole number above 0')
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
    // Everybody allows every agent something first.
    await repeat(() => server.operations.flow(), { times: 768, parallel })
    return server
  }
  try {
    const rows = [
      { name: 'one process', servers: [await open(1)], measured: [] },
      { name: 'two on one database', servers: [await open(2)], measured: [] },
      { name: 'two with one each', servers: [await open(1), await open(1)], measured: [] },
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
    'Microseconds of CPU for a consent flow, of the auth server and of PostgreSQL; how\n' +
    'many there are in a second, with 16 clients; both beside one process, of each round.\n\n' +
    line('', ['CPU', 'PostgreSQL', 'a second', 'CPU / one', 'rate / one']) +
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
