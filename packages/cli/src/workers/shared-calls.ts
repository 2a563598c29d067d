import cluster, { type Worker } from 'node:cluster'
import { AAuthError, type ErrorCode } from 'countersign'

/** A question of a worker to the process that started it. */
interface Call {
  shared: string
  id: number
  given: unknown
}

/** Its answer: what came of it, or the refusal. */
interface Reply {
  replied: number
  result?: unknown
  refusal?: { code: ErrorCode; message: string; retryAfter: number | undefined } | undefined
}

/** What all workers share: functions by name, which run in the first process only. */
export type SharedFunctions = Readonly<Record<string, (given: never) => unknown>>

/** Answers what workers ask, in the process that starts them. */
export function answerWorkers(functions: SharedFunctions): void {
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

/** Milliseconds that an answer may take: it needs no more than a look into memory. */
const patience = 2000

/**
 * In a worker: a function that runs in the process that started it, for all workers together.
 *
 * @throws AAuthError what it threw there; `unavailable` where no answer comes
 */
export function callFirst<Given, Result>(shared: string): (given: Given) => Promise<Result> {
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
    if (!reply) throw new AAuthError('unavailable', 'The processes of the gateway do not answer each other.')
    const { refusal } = reply
    if (refusal) throw new AAuthError(refusal.code, refusal.message, { retryAfter: refusal.retryAfter })
    return reply.result as Result
  }
}

/** Ids are of the process: several functions may be asked for at once. */
let lastId = 0

function isCall(message: unknown): message is Call {
  return typeof message === 'object' && message !== null && 'shared' in message && 'id' in message
}

function isReply(message: unknown): message is Reply {
  return typeof message === 'object' && message !== null && 'replied' in message
}
