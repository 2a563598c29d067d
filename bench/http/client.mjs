import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const patience = 20_000

/** Keep-alive connections that send requests one after another. */
export class Client {
  #connections = []

  /** Opens `count` connections. */
  static async open(port, count) {
    const client = new Client()
    for (let i = 0; i < count; i++) client.#connections.push(await openConnection(port))
    return client
  }

  /** Sends all of them and resolves when each has a response. @throws Error for a response other than 200 */
  async send(requests) {
    const queue = [...requests]
    await Promise.all(
      this.#connections.map(async (connection) => {
        for (let next = queue.pop(); next; next = queue.pop()) await exchange(connection, next)
      }),
    )
  }

  /**
   * Starts the given number of requests per second at random moments, regardless of whether earlier requests have completed. A request that
   * finds no free connection waits for one. Returns the duration of each, in milliseconds.
   */
  async sendAtRate(requests, rate) {
    const free = [...this.#connections]
    const waiting = []
    const times = []
    const running = requests.map(async (request, number) => {
      await wait(((number + Math.random()) / rate) * 1000)
      const begun = performance.now()
      const connection = free.pop() ?? (await new Promise((resolve) => waiting.push(resolve)))
      await exchange(connection, request)
      times.push(performance.now() - begun)
      const next = waiting.shift()
      if (next) next(connection)
      else free.push(connection)
    })
    await Promise.all(running)
    return times
  }

  /** Sends each on its own connection, and resolves once all responses have begun, without waiting for them to complete. */
  async openStreams(requests) {
    await Promise.all(requests.map((request, at) => exchange(this.#connections[at], request, isEvent)))
  }

  close() {
    for (const connection of this.#connections) connection.destroy()
  }
}

function openConnection(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

function exchange(socket, request, isComplete = isWhole) {
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = (error) => {
      clearTimeout(timer)
      socket.off('data', read).off('error', finish).off('close', closed)
      if (error) reject(error)
      else resolve()
    }
    const timer = setTimeout(
      () => finish(new Error(`no complete response within ${patience} ms: ${text.slice(0, 600)}`)),
      patience,
    )
    const closed = () => finish(new Error(`the connection was closed after ${text.slice(0, 200)}`))
    const read = (bytes) => {
      text += bytes.toString('latin1')
      if (!isComplete(text)) return
      finish(
        text.startsWith('HTTP/1.1 200')
          ? undefined
          : new Error(`responded with a status other than 200: ${text.slice(0, 600)}`),
      )
    }
    socket.on('data', read).on('error', finish).on('close', closed)
    socket.write(request)
  })
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return false
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2)) ?? []
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length)
}

function isEvent(text) {
  return /\r\ndata: .*\n\n/.test(text) || (/^HTTP\/1\.1 (?!200)/.test(text) && isWhole(text))
}
