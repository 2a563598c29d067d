import cluster, { type Worker } from 'node:cluster'
import { AAuthError, type ErrorCode } from 'countersign'

/** A worker's call to the primary process. */
interface Call {
  shared: string
  id: number
  given: unknown
}

/** The reply: a result or an error. */
interface Reply {
  replied: number
  result?: unknown
  refusal?: { code: ErrorCode; message: string; retryAfter: number | undefined } | undefined
}

/** Functions shared by all workers, by name. They run only in the primary process. */
export type SharedFunctions = Readonly<Record<string, (given: never) => unknown>>

/** In the primary process: runs the functions that workers call. */
export function serveWorkerCalls(functions: SharedFunctions): void {
  async function reply(worker: Worker, { shared, id, given }: Call): Promise<void> {
    const asked = functions[shared]
    if (!asked) return
    const answer: Reply = { replied: id }
    try {
      answer.result = await asked(given as never)
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
      const { code, message, retryAfter } = error
      answer.refusal = { code, message, retryAfter }
    }
    if (worker.isConnected()) worker.send(answer)
  }
  cluster.on('message', (worker, message: unknown) => {
    if (isCall(message)) void reply(worker, message)
  })
}

/** Time limit for a reply, in milliseconds. The functions access only memory. */
const patience = 2000

/**
 * In a worker: returns a function that runs in the primary process and is shared by all workers.
 *
 * @throws AAuthError the function's error; `unavailable` if there is no reply
 */
export function callPrimary<Given, Result>(shared: string): (given: Given) => Promise<Result> {
  const waiting = new Map<number, (reply: Reply | undefined) => void>()
  process.on('message', (message: unknown) => {
    if (isReply(message)) waiting.get(message.replied)?.(message)
  })
  return async (given) => {
    const id = ++lastId
    const reply = await new Promise<Reply | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), patience)
      waiting.set(id, (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      const call: Call = { shared, id, given }
      process.send?.(call)
    })
    waiting.delete(id)
    if (!reply) throw new AAuthError('unavailable', 'The gateway’s primary process did not reply in time.')
    const { refusal } = reply
    if (refusal) throw new AAuthError(refusal.code, refusal.message, { retryAfter: refusal.retryAfter })
    return reply.result as Result
  }
}

/** Ids are unique per process, because several functions may be called at once. */
let lastId = 0

function isCall(message: unknown): message is Call {
  return typeof message === 'object' && message !== null && 'shared' in message && 'id' in message
}

function isReply(message: unknown): message is Reply {
  return typeof message === 'object' && message !== null && 'replied' in message
}
