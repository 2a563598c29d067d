import { tmpdir } from 'node:os'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { median } from '../median.mjs'
import { startTested } from './child.mjs'
import { runHostile } from './hostile.mjs'
import { measureRound, repeat } from './measure.mjs'
import { openDatabases } from './storages.mjs'
import { createKeys } from './world.mjs'

const usage = `usage: npm run -s bench:overload -- [--seconds N] [--folder PATH]
       npm run -s bench:overload -- --hostile [--seconds N] [--rounds N] [--against PATH] [--nginx] [--only TEXT]

Without --hostile: measures a server that is sent three times what it can do, how much
of its peak it still does, and how soon it refuses the rest.

With --hostile: floods "countersign server start" in several shapes and measures how many
requests of legitimate clients are served. The server runs on the first core, the clients
on the second. Needs taskset and curl.

--seconds N   seconds of three times the peak for each operation, or of each flood (default 10)
--folder PATH the disk for the database (default: the folder for temporary files)
--rounds N    how often each flood is repeated; the median is printed (default 3)
--against PATH  another built checkout, measured in turn with this one
--nginx       with nginx in front, on the second core
--only TEXT   only the floods whose names contain the text
`

/** Concurrent clients, to measure the peak. */
const parallel = 32
/** Connections of the flood. */
const connections = 2000
const plan = [
  { operation: 'flow', times: 300 },
  { operation: 'page', times: 800 },
  { operation: 'refresh', times: 1500 },
]

let values
try {
  values = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      folder: { type: 'string', default: tmpdir() },
      hostile: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      against: { type: 'string' },
      nginx: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values
  for (const name of ['seconds', 'rounds'])
    if (!(Number(values[name]) > 0)) throw new Error(`--${name} must be a number above 0`)
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (values.help) process.stdout.write(usage)
else if (values.hostile) await runHostile({ ...values, seconds: Number(values.seconds), rounds: Number(values.rounds) })
else await run(Number(values.seconds), values.folder)

async function run(seconds, parent) {
  const databases = await openDatabases('sqlite', parent)
  const answers = []
  const server = await startTested(
    { keys: await createKeys(), name: 'server', databases, database: await databases.create() },
    { connections, onAnswer: (answer) => answers.push(answer) },
  )
  try {
    await server.operations.prepare()
    await repeat(() => server.operations.flow(), { times: 512, parallel })
    await server.operations.openRequests(64)
    for (const { operation, times } of plan) {
      const work = () => server.operations[operation]()
      await repeat(work, { times: times / 2, parallel })
      const before = await measureRound(server, operation, { times, parallel })
      answers.length = 0
      const flooded = await flood(server, work, { rate: 3 * before.rate, seconds })
      const taken = answers.splice(0)
      // Wait for the rest of the flood to end before the peak is measured again.
      await wait(1000)
      const after = await measureRound(server, operation, { times, parallel })
      process.stdout.write(describe(operation, flooded, { before, after }, taken))
    }
  } finally {
    await server.end()
    await databases.close()
  }
}

function describe(operation, { asked, done, p50, micros }, { before, after }, answers) {
  const [peak, peakMicros] = ['rate', 'micros'].map((name) => (before[name] + after[name]) / 2)
  const refused = answers.filter(({ status }) => status === 429 || status === 503)
  const others = answers.filter(({ status }) => status >= 400 && status !== 429 && status !== 503)
  const soon = refused.length === 0 ? '' : `, 50 % within ${median(refused.map(({ time }) => time)).toFixed(0)} ms`
  return `${operation}: offered ${asked.toFixed(0)}/s
  done      ${done.toFixed(0)}/s, ${(done / peak).toFixed(2)} of the peak of ${peak.toFixed(0)}/s, 50 % within ${p50.toFixed(0)} ms
  CPU       ${(micros / 1000).toFixed(2)} ms per completed operation, ${(peakMicros / 1000).toFixed(2)} at the peak: ${(peakMicros / micros).toFixed(2)}
  refused   ${refused.length}${soon}
  failed    ${others.length}
`
}

/**
 * Starts `rate` operations per second, regardless of whether earlier operations have completed. Completed operations are counted from the
 * second half of the time on, when the queue is at its longest.
 */
async function flood({ read }, work, { rate, seconds }) {
  const times = []
  const running = []
  const begun = performance.now()
  const counted = begun + seconds * 500
  const ends = begun + seconds * 1000
  let asked = 0
  let cpu
  for (; performance.now() < ends; asked++) {
    const ahead = begun + (asked / rate) * 1000 - performance.now()
    if (ahead > 1) await wait(ahead)
    // If this process cannot keep up, yield so that requests are not sent in bursts and responses are processed.
    else if (asked % 4 === 0) await nextTurn()
    const at = performance.now()
    if (at >= counted) cpu ??= read()
    running.push(
      work().then(
        () => counted <= performance.now() && performance.now() < ends && times.push(performance.now() - at),
        () => undefined,
      ),
    )
  }
  const took = (performance.now() - begun) / 1000
  const micros = (await read()).cpu - (await cpu).cpu
  await Promise.all(running)
  const { length } = times
  return { asked: asked / took, done: length / (seconds / 2), p50: median(times), micros: micros / length }
}
