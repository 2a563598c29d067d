import { connect } from 'node:net'

const patience = 20_000

/** Keep-alive connections that send requests one after the other. */
export class Client {
  #connections = []

  /** Opens `count` connections. */
  static async open(port, count) {
    const client = new Client()
    for (let i = 0; i < count; i++) client.#connections.push(await openConnection(port))
    return client
  }

  /** Sends all of them and resolves when each was answered. @throws Error for an answer that is not 200 */
  async send(requests) {
    const queue = [...requests]
    await Promise.all(
      this.#connections.map(async (connection) => {
        for (let next = queue.pop(); next; next = queue.pop()) await exchange(connection, next)
      }),
    )
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

function exchange(socket, request) {
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = (error) => {
      clearTimeout(timer)
      socket.off('data', read).off('error', finish).off('close', closed)
      if (error) reject(error)
      else resolve()
    }
    const timer = setTimeout(
      () => finish(new Error(`no whole answer within ${patience} ms: ${text.slice(0, 600)}`)),
      patience,
    )
    const closed = () => finish(new Error(`the connection was closed after ${text.slice(0, 200)}`))
    const read = (bytes) => {
      text += bytes.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end === -1) return
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2)) ?? []
      const complete = length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length)
      if (!complete) return
      finish(text.startsWith('HTTP/1.1 200') ? undefined : new Error(`not answered 200: ${text.slice(0, 600)}`))
    }
    socket.on('data', read).on('error', finish).on('close', closed)
    socket.write(request)
  })
}
