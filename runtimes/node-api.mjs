import { once } from 'node:events'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { createGuardedFetch } from 'countersign/node'
import { runSuite } from './suite.mjs'

/** The suite, and the checks of connected addresses, for runtimes that implement Node's modules. */

let connections = 0
const server = createServer((socket) => {
  connections++
  socket.destroy()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()

const outcome = (promise) =>
  promise.then(
    () => 'fetched',
    ({ code }) => code,
  )

/** Requests a URL at an address that the name need not have. */
async function requestAt(host, address) {
  const lookup = (_host, { all }, callback) =>
    all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4)
  await new Promise((resolve) => {
    request(`https://${host}:${port}/`, { agent: false, lookup }, resolve).on('error', resolve).end()
  })
  return connections
}

const guard = {
  loopback: await outcome(createGuardedFetch()(`https://localhost:${port}/`)),
  connectionsToLoopback: connections,
  connectionsToOtherAddress: await requestAt('localhost', '127.0.0.9'),
  connectionsToGivenAddress: await requestAt('pinned.test', '127.0.0.1'),
}
server.close()
process.stdout.write(JSON.stringify({ suite: await runSuite(), guard }))
