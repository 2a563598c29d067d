import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Passes an answer on as fast as the client takes it, has it ended, and resolves when all of it was sent. `pipeline` of Node.js would make an
 * abort signal for each, and abort it at the end.
 *
 * @throws Error where either side broke off
 */
export function pump(answer: IncomingMessage, outgoing: ServerResponse, end: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    answer.on('error', reject)
    answer.once('close', () => answer.readableEnded || reject(new Error('the answer broke off')))
    outgoing.on('error', reject)
    outgoing.once('finish', resolve)
    outgoing.once('close', () => {
      if (outgoing.writableFinished) return
      answer.destroy()
      reject(new Error('the client is gone'))
    })
    answer.once('end', end)
    answer.pipe(outgoing, { end: false })
  })
}
