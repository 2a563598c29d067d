import {
  type Answer,
  isJsonObject,
  type JsonObject,
  type Message,
  objectIn,
  refusal,
  rpcCodes,
  stringIn,
} from './json-rpc.js'
import { ServerProblem } from './server-problem.js'
import { asLine } from './server-text.js'

/**
 * What a server asks a person, with who asks: the client sees one server, and what is asked for a consent comes from it, too
 * (attacks M09).
 */
export function namedAsServers(params: JsonObject | undefined, host: string): JsonObject {
  const schema = params?.requestedSchema
  return {
    ...params,
    message: `${host} asks: ${asLine(stringIn(params, 'message'))}`,
    ...(isJsonObject(schema) ? { requestedSchema: formNamed(schema, host) } : {}),
  }
}

/** A form whose every label says whose it is, since an app may show each alone. */
function formNamed(schema: JsonObject, host: string): JsonObject {
  const fields = Object.entries(objectIn(schema, 'properties')).map(([name, field]) => [
    name,
    isJsonObject(field)
      ? { ...labelsNamed(field, host), title: labelOf(stringIn(field, 'title') || name, host) }
      : field,
  ])
  return {
    ...labelsNamed(schema, host),
    ...('properties' in schema ? { properties: Object.fromEntries(fields) as JsonObject } : {}),
  }
}

function labelsNamed(labelled: JsonObject, host: string): JsonObject {
  const named = ['title', 'description'].flatMap((label) =>
    typeof labelled[label] === 'string' ? [[label, labelOf(labelled[label], host)]] : [],
  )
  return { ...labelled, ...(Object.fromEntries(named) as JsonObject) }
}

const labelOf = (text: string, host: string) => `${host}: ${asLine(text)}`

/** An answer whose questions to the person say who asks; a refusal where there are too many. */
export function questionsNamed(answer: Answer, host: string): Answer {
  if ('error' in answer) {
    const { code, data } = answer.error
    if (code !== rpcCodes.urlElicitationRequired || !isJsonObject(data) || !Array.isArray(data.elicitations))
      return answer
    if (data.elicitations.length > mostQuestions) return tooManyQuestions(host)
    const elicitations = data.elicitations.map((each) => (isJsonObject(each) ? namedAsServers(each, host) : each))
    return { error: { ...answer.error, data: { ...data, elicitations } } }
  }
  if (answer.result.resultType !== 'input_required') return answer
  const questions = Object.entries(objectIn(answer.result, 'inputRequests'))
  if (questions.length > mostQuestions) return tooManyQuestions(host)
  const inputRequests = questions.map(([key, request]) => [
    key,
    isJsonObject(request) && request.method === 'elicitation/create'
      ? { ...request, params: namedAsServers(objectIn(request, 'params'), host) }
      : request,
  ])
  return { result: { ...answer.result, inputRequests: Object.fromEntries(inputRequests) } }
}

/** What a server says in the log and of its progress, with who says it: the bridge has notices of its own there. */
export function noticeNamed(message: Message, host: string): Message {
  if (!('method' in message)) return message
  const { method, params } = message
  if (method === 'notifications/message') {
    const logger = stringIn(params, 'logger')
    return { ...message, params: { ...params, logger: logger === '' ? host : `${host}/${asLine(logger)}` } }
  }
  if (method !== 'notifications/progress' || params?.message === undefined) return message
  return { ...message, params: { ...params, message: labelOf(stringIn(params, 'message'), host) } }
}

/** What a server asks during one call: of the person, and of their app. */
interface QuestionCount {
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
