import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Client } from './client.mjs'
import { formatHttpJson, formatHttpReport } from './report.mjs'
import { servers, streamName } from './servers.mjs'
import { createKeys, createRequestMaker } from './world.mjs'

const usage = `usage: npm run -s bench:http -- [--json] [--rounds N] [--requests N]

--json        one JSON object on stdout and nothing else
--rounds N    rounds, each of which asks every server (default 12)
--requests N  requests to each server in a round (default 400)
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

async function run({ json, rounds, requests }) {
  const keys = await createKeys()
  const makeRequests = await createRequestMaker(keys)
  const tested = []
  try {
    for (const { name } of servers) tested.push(await start(name, keys))
    const measured = tested.filter(({ name }) => name !== streamName())
    for (const server of measured) await server.client.send(await makeRequests(5 * requests))
    for (let round = 0; round < rounds; round++) {
      for (const server of shuffled(measured)) await measureRound(server, await makeRequests(requests))
    }
    const memory = await measureStreams(tested.find(({ name }) => name === streamName()))
    process.stdout.write(json ? formatHttpJson(measured, memory) : formatHttpReport(measured, memory))
  } finally {
    for (const { child, client } of tested) {
      client.close()
      child.kill()
    }
  }
}

async function start(name, keys) {
  const child = fork(fileURLToPath(new URL('server.mjs', import.meta.url)))
  child.send({ name, keys })
  const { port } = await message(child)
  return { name, child, port, client: await Client.open(port, name === streamName() ? 1 : connections), micros: [] }
}

async function measureRound({ child, client, micros }, requests) {
  const before = await reading(child)
  await client.send(requests)
  const after = await reading(child)
  micros.push((after.cpu - before.cpu) / requests.length)
}

/** What 1,000 slow answers at once add to the memory of the process at its peak. */
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
    const exited = (status) => reject(new Error(`a tested server ended with ${status}`))
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
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const [rounds, requests] = [Number(values.rounds), Number(values.requests)]
  if (![rounds, requests].every((count) => Number.isSafeInteger(count) && count > 0))
    throw new TypeError('--rounds and --requests take a whole number above 0')
  return { ...values, rounds, requests }
}
