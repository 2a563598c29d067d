import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { startTested } from './child.mjs'
import { repeat } from './measure.mjs'
import { openDatabases, requireStorage } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:growth -- [--storage WHERE] [--flows N] [--refreshes N]
       [--folder PATH]

Disk and memory growth of a server: bytes and rows of each table after a number
of consent flows, the growth from a number of refreshes, and the memory of the
process before, half-way through and after the refreshes.

--storage     sqlite (the default), postgres, or a postgres:// URL, as for
              npm run bench:server
--flows N     consent flows (default 5000)
--refreshes N refreshes (default 20000)
--folder      where the database is created (default: the temporary folder)
`

const parallel = 16

let options
try {
  options = readArguments()
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (options.help) process.stdout.write(usage)
else await run(options)

async function run({ storage, flows, refreshes, folder }) {
  const databases = await openDatabases(storage, folder)
  let server
  try {
    const database = await databases.create()
    const settings = { keys: await createKeys(), name: 'server', databases, database }
    server = await startTested(settings, { connections: parallel })
    const { operations } = server
    await operations.prepare()
    // Every user grants something to every agent before anything is counted.
    await repeat(() => operations.flow(), { times: 512, parallel })
    const before = await database.tables()
    await repeat(() => operations.flow(), { times: flows, parallel })
    const afterFlows = await database.tables()
    process.stdout.write(describeTables(`${flows} consent flows`, flows, before, afterFlows))
    const memory = [await server.memory()]
    for (const times of [Math.floor(refreshes / 2), Math.ceil(refreshes / 2)]) {
      await repeat(() => operations.refresh(), { times, parallel })
      memory.push(await server.memory())
    }
    process.stdout.write(
      describeTables(`${refreshes} refreshes`, refreshes, afterFlows, await database.tables()) + describeMemory(memory),
    )
  } finally {
    await server?.end()
    await databases.close()
  }
}

function describeTables(what, times, before, after) {
  const rows = after
    .map(({ name, rows, bytes }) => {
      const old = before.find((table) => table.name === name) ?? { rows: 0, bytes: 0 }
      return { name, rows, bytes, added: rows - old.rows, grown: bytes - old.bytes }
    })
    .filter(({ added, grown }) => added !== 0 || grown !== 0)
    .sort((a, b) => b.grown - a.grown)
  const total = rows.reduce((sum, { grown }) => sum + grown, 0)
  return `${[
    `${what}: bytes that each table has grown by, indexes included, per operation.`,
    'Bytes per row are averaged over all rows of the table.',
    '',
    line('', ['rows', 'added', 'per row', 'per op']),
    ...rows.map(({ name, rows, bytes, added, grown }) =>
      line(name, [rows, added, rows === 0 ? '' : (bytes / rows).toFixed(0), (grown / times).toFixed(1)]),
    ),
    line('total', ['', '', '', (total / times).toFixed(0)]),
  ].join('\n')}\n\n`
}

function describeMemory(memory) {
  const megabytes = (name) => memory.map(([each]) => (each[name] / 1e6).toFixed(1))
  return `${[
    'Memory of the process in megabytes, after a full collection.',
    '',
    line('', ['before', 'half-way', 'after']),
    line('resident', megabytes('rss')),
    line('JavaScript heap, used', megabytes('heap')),
  ].join('\n')}\n`
}

function line(name, cells) {
  return `${name.padEnd(24)}${cells.map((cell) => ` ${String(cell).padStart(9)}`).join('')}`.trimEnd()
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      storage: { type: 'string', default: 'sqlite' },
      flows: { type: 'string', default: '5000' },
      refreshes: { type: 'string', default: '20000' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [flows, refreshes] = [Number(values.flows), Number(values.refreshes)]
  if (![flows, refreshes].every((number) => Number.isSafeInteger(number) && number > 0))
    throw new TypeError('--flows and --refreshes must be whole numbers above 0')
  return { ...values, flows, refreshes, storage: requireStorage(values.storage) }
}
