import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../median.mjs'
import { Client } from './client.mjs'
import { hasNginx } from './nginx.mjs'
import { nginxName } from './proxies.mjs'
import { formatHttpJson, formatHttpReport } from './report.mjs'
import { apiName, servers, streamName } from './servers.mjs'
import { createKeys, createSignedRequests } from './world.mjs'

const usage = `usage: npm run -s bench:http -- [--json] [--rounds N] [--requests N] [--only TEXT]

--json        one JSON object on stdout and nothing else
--rounds N    number of rounds; each round measures every server (default 12)
--requests N  requests to each server per round (default 400)
--only TEXT   only servers with TEXT in their name, and their baselines
`

const connections = 16
const streams = 1000

let options
try {
  options = readArguments()
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exit(2)
}
if (options.help) process.stdout.write(usage)
else await run(options)

async function run({ json, rounds, requests, wanted }) {
  const keys = await createKeys()
  const { sample, makeRequests } = await createSignedRequests(keys)
  const started = []
  const start = async (name, needed, count) => {
    started.push(await startServer(name, { keys, sample, ...needed }, count))
    return started.at(-1)
  }
  try {
    const api = await start(apiName(), {}, 0)
    const needed = { apiPort: api.port }
    const measured = []
    for (const { name } of wanted) {
      const server = await start(name, needed, connections)
      // Immediately, because a server closes connections that stay unused after they are opened.
      await server.client.send(await makeRequests(10 * requests))
      measured.push(server)
    }
    for (let round = 0; round < rounds; round++) {
      for (const server of shuffled(measured)) await measureRound(server, await makeRequests(requests))
    }
    const through = measured.filter((_, at) => wanted[at].isProxy)
    for (let slice = 0; slice < 5; slice++)
      for (const server of shuffled(through)) await measureTimes(server, await makeRequests(requests))
    for (const [at, { name, keepsStreams }] of wanted.entries()) {
      if (!keepsStreams) continue
      const fresh = await start(name, needed, connections)
      await fresh.client.send(await makeRequests(requests))
      measured[at].events = await measureEvents(fresh, await makeRequests(streams, '/stream'))
    }
    const memory = await measureStreams(await start(streamName(), {}, 1))
    process.stdout.write(json ? formatHttpJson(measured, memory) : formatHttpReport(measured, memory))
  } finally {
    for (const { child, client } of started) {
      client.close()
      child.kill()
    }
  }
}

async function startServer(name, needed, count) {
  const child = fork(fileURLToPath(new URL('server.mjs', import.meta.url)))
  child.send({ name, ...needed })
  const { port } = await message(child)
  return { name, child, port, client: await Client.open(port, count), micros: [], rates: [], times: [] }
}

async function measureRound({ child, client, micros, rates }, requests) {
  const before = await reading(child)
  const begun = performance.now()
  await client.send(requests)
  rates.push((requests.length / (performance.now() - begun)) * 1000)
  const after = await reading(child)
  micros.push((after.cpu - before.cpu) / requests.length)
}

/** Response times at half of the peak load, at which only some requests wait for others. */
async function measureTimes(server, requests) {
  const client = await Client.open(server.port, 4 * connections)
  try {
    server.times.push(...(await client.sendAtRate(requests, median(server.rates) / 2)))
  } finally {
    client.close()
  }
}

/** The memory that 1,000 open event streams add to a process that has already served other requests. */
async function measureEvents({ child, port }, requests) {
  const before = await reading(child)
  const client = await Client.open(port, requests.length)
  try {
    await client.openStreams(requests)
    return { count: requests.length, added: (await reading(child)).rss - before.rss }
  } finally {
    client.close()
  }
}

/** The peak memory that 1,000 concurrent slow responses add to the process. */
async function measureStreams({ child, port }) {
  const before = await reading(child)
  const client = await Client.open(port, streams)
  try {
    await client.send(Array.from({ length: streams }, () => Buffer.from('GET / HTTP/1.1\r\nHost: api.example\r\n\r\n')))
  } finally {
    client.close()
  }
  return { streams, added: (await reading(child)).peak - before.rss }
}

function reading(child) {
  child.send('read')
  return message(child)
}

function message(child) {
  return new Promise((resolve, reject) => {
    const exited = (status) => reject(new Error(`a tested server exited with ${status}`))
    child.once('exit', exited)
    child.once('message', (value) => {
      child.off('exit', exited)
      resolve(value)
    })
  })
}

function shuffled(values) {
  const order = [...values]
  for (let last = order.length - 1; last > 0; last--) {
    const chosen = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[chosen]] = [order[chosen], order[last]]
  }
  return order
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '12' },
      requests: { type: 'string', default: '400' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [rounds, requests] = [Number(values.rounds), Number(values.requests)]
  if (![rounds, requests].every((count) => Number.isSafeInteger(count) && count > 0))
    throw new TypeError('--rounds and --requests must be whole numbers above 0')
  return { ...values, rounds, requests, wanted: wantedServers(values.only) }
}

function wantedServers(text) {
  const shown = servers.filter(({ hidden }) => !hidden)
  const named = shown.filter(({ name }) => name.includes(text))
  if (named.length === 0) throw new TypeError(`no server name contains ${text}`)
  const wanted = shown.filter((server) => named.some((each) => each === server || each.of === server.name))
  const isLacking = wanted.some(({ name }) => name === nginxName()) && !hasNginx()
  return wanted.filter(({ name }) => !(isLacking && name === nginxName()))
}
