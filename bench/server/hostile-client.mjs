import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

// Floods a server and acts as its legitimate clients at the same time, in its own process. The parent passes the parameters; the outcome of
// the legitimate requests is written to stdout.
const { port, host, shape, seconds, cookies } = JSON.parse(process.argv[2])

/** Seconds that the flood has to get a response on every connection before legitimate clients start. */
const headStart = 20
/** How long a legitimate client waits, in milliseconds. */
const patience = 10_000

let isOver = false
let opened = 0
const flood = { served: 0, refused: 0, other: 0, closed: 0 }

/** Keeps `depth` requests in flight on one connection, and reopens it when it is closed. */
function attack(localAddress) {
  if (isOver) return
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  let isFirst = true
  const reader = createReader((status) => {
    if (isFirst) opened++
    isFirst = false
    if (status === 503) flood.refused++
    else if (status < 500) flood.served++
    else flood.other++
    if (!isOver) socket.write(bytesOf(shape))
  })
  socket.on('connect', () => socket.write(Buffer.concat(Array(shape.depth).fill(bytesOf(shape)))))
  socket.on('data', reader)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    flood.closed++
    setTimeout(() => attack(localAddress), 20)
  })
}

function bytesOf({ method = 'GET', path, body = '' }) {
  const content = body && `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n`
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${content}\r\n${body}`)
}

/** Parses responses that have a Content-Length. */
function createReader(onResponse) {
  let text = ''
  let toSkip = 0
  return (chunk) => {
    text += chunk.latin1Slice()
    for (;;) {
      const skipped = Math.min(toSkip, text.length)
      text = text.slice(skipped)
      toSkip -= skipped
      const end = text.indexOf('\r\n\r\n')
      if (toSkip > 0 || end < 0) return
      const head = text.slice(0, end)
      toSkip = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
      text = text.slice(end + 4)
      onResponse(Number(head.slice(9, 12)))
    }
  }
}

/** Sends a request the given number of times per second from one address, regardless of the outcome. */
async function ask({ path, rate, localAddress, cookieOf = () => undefined }) {
  const agent = new Agent({ keepAlive: true, localAddress })
  const outcomes = { sent: 0, served: 0, times: [], failures: {} }
  const fail = (why) => {
    outcomes.failures[why] = (outcomes.failures[why] ?? 0) + 1
  }
  const running = []
  const begun = performance.now()
  for (; outcomes.sent < rate * seconds; outcomes.sent++) {
    await wait(Math.max(0, begun + (outcomes.sent / rate) * 1000 - performance.now()))
    running.push(one(cookieOf(outcomes.sent)))
  }
  await Promise.all(running)
  agent.destroy()
  return outcomes

  function one(cookie) {
    const at = performance.now()
    return new Promise((resolve) => {
      const outgoing = get({ agent, port, host: '127.0.0.1', path, headers: { host, ...(cookie && { cookie }) } })
      outgoing.setTimeout(patience, () => outgoing.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })))
      outgoing.on('error', ({ code }) => {
        fail(code)
        resolve()
      })
      outgoing.on('response', (incoming) => {
        incoming.resume().on('close', () => {
          if (incoming.statusCode === 200 && incoming.complete) {
            outcomes.served++
            outcomes.times.push(performance.now() - at)
          } else fail(incoming.statusCode)
          resolve()
        })
      })
    })
  }
}

for (let connection = 0; connection < shape.connections; connection++)
  attack(shape.networks === 1 ? '127.0.0.5' : `127.${10 + (connection % shape.networks)}.7.9`)
const began = performance.now()
while (opened < shape.connections && performance.now() - began < headStart * 1000) await wait(50)
Object.assign(flood, { served: 0, refused: 0, other: 0, closed: 0 })
const counted = performance.now()
const [visitors, office, documents] = await Promise.all([
  ask({ path: '/account/sign-in', rate: 10, localAddress: '127.250.9.9' }),
  ask({ path: '/account', rate: 25, localAddress: '127.240.1.1', cookieOf: (sent) => cookies[sent % cookies.length] }),
  ask({ path: '/jwks.json', rate: 4, localAddress: '127.251.9.9' }),
])
isOver = true
const floodSeconds = (performance.now() - counted) / 1000
process.stdout.write(JSON.stringify({ visitors, office, documents, flood: { ...flood, seconds: floodSeconds } }), () =>
  process.exit(),
)
