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
 * Adds the server's host to the questions that it asks the user, because the client sees a single server, from which the consent prompts
 * also come (attacks M09).
 */
export function labelElicitation(params: JsonObject | undefined, host: string): JsonObject {
  const schema = params?.requestedSchema
  return {
    ...params,
    message: `${host} asks: ${asLine(stringIn(params, 'message'))}`,
    ...(isJsonObject(schema) ? { requestedSchema: formNamed(schema, host) } : {}),
  }
}

/** Adds the host to every label of a form, because an app may show each label separately. */
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

/** Adds the server's host to the questions in a response, or returns an error if there are too many. */
export function labelQuestions(answer: Answer, host: string): Answer {
  if ('error' in answer) {
    const { code, data } = answer.error
    if (code !== rpcCodes.urlElicitationRequired || !isJsonObject(data) || !Array.isArray(data.elicitations))
      return answer
    if (data.elicitations.length > mostQuestions) return tooManyQuestions(host)
    const elicitations = data.elicitations.map((each) => (isJsonObject(each) ? labelElicitation(each, host) : each))
    return { error: { ...answer.error, data: { ...data, elicitations } } }
  }
  if (answer.result.resultType !== 'input_required') return answer
  const questions = Object.entries(objectIn(answer.result, 'inputRequests'))
  if (questions.length > mostQuestions) return tooManyQuestions(host)
  const inputRequests = questions.map(([key, request]) => [
    key,
    isJsonObject(request) && request.method === 'elicitation/create'
      ? { ...request, params: labelElicitation(objectIn(request, 'params'), host) }
      : request,
  ])
  return { result: { ...answer.result, inputRequests: Object.fromEntries(inputRequests) } }
}

/**
 * Adds the server's host to its log messages and progress notifications, because the bridge sends its own messages over the same channel.
 */
export function labelNotice(message: Message, host: string): Message {
  if (!('method' in message)) return message
  const { method, params } = message
  if (method === 'notifications/message') {
    const logger = stringIn(params, 'logger')
    return { ...message, params: { ...params, logger: logger === '' ? host : `${host}/${asLine(logger)}` } }
  }
  if (method !== 'notifications/progress' || params?.message === undefined) return message
  return { ...message, params: { ...params, message: labelOf(stringIn(params, 'message'), host) } }
}

/** Counts what a server requests from the user and from their app during one call. */
interface QuestionCount {
  /**
   * Counts one request by its method; returns false if the question must not be forwarded.
   *
   * @throws ServerProblem if the server sends too many requests
   */
  add(method: string): boolean
}

/** Maximum number of questions shown to the user for one call. */
export const mostQuestions = 20

/** Maximum number of server requests during one call. */
const mostRequests = 1000

export function countQuestions(host: string): QuestionCount {
  let shown = 0
  let all = 0
  return {
    add(method) {
      if (++all > mostRequests)
        throw new ServerProblem(
          `${host} sent more than ${mostRequests} requests during one call, so the call was aborted.`,
        )
      return method !== 'elicitation/create' || ++shown <= mostQuestions
    },
  }
}

/** Error returned to the server that asks too many questions, or to the client that is waiting for the server. */
export function tooManyQuestions(host: string): Answer {
  return refusal(
    rpcCodes.unanswered,
    `${host} has asked more than ${mostQuestions} questions during one call; questions beyond this limit are not forwarded.`,
  )
}
