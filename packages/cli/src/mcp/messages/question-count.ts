import { ServerProblem } from '../server/server-problem.js'
import { type Answer, refusal, rpcCodes } from './json-rpc.js'

/** What a server asks during one call: of the person, and of their app. */
export interface QuestionCount {
  /**
   * Counts one more by its method; false for a question that is not passed on.
   *
   * @throws ServerProblem where a server asks on and on
   */
  add(method: string): boolean
}

/** Most questions that a person is shown for one call. */
export const mostQuestions = 20

/** Most requests of a server during one call. */
const mostRequests = 1000

export function countQuestions(host: string): QuestionCount {
  let shown = 0
  let all = 0
  return {
    add(method) {
      if (++all > mostRequests) throw new ServerProblem(`${host} asks on and on: the call was ended.`)
      return method !== 'elicitation/create' || ++shown <= mostQuestions
    },
  }
}

/** What is said to whoever asks, or waits for who does. */
export function tooManyQuestions(host: string): Answer {
  return refusal(
    rpcCodes.unanswered,
    `${host} asks more than ${mostQuestions} questions for one call: they are not passed on.`,
  )
}
