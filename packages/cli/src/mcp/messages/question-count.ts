import { type Answer, refusal, rpcCodes } from './json-rpc.js'

/** Questions of a server to the person, which are theirs to read. */
export interface QuestionCount {
  /** Counts one more by its method; false where a server has asked enough. */
  add(method: string): boolean
}

/** Most questions that a person is shown for one call. */
export const mostQuestions = 20

/** Most of all that a server wants to know for one call: of its client, too. */
const mostInAll = 1000

export function countQuestions(): QuestionCount {
  let shown = 0
  let all = 0
  return {
    add: (method) => ++all <= mostInAll && (method !== 'elicitation/create' || ++shown <= mostQuestions),
  }
}

/** What is said to whoever asks, or waits for who does. */
export function tooManyQuestions(host: string): Answer {
  return refusal(
    rpcCodes.unanswered,
    `${host} asks more than ${mostQuestions} questions for one call: they are not passed on.`,
  )
}
