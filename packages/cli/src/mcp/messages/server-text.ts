import { type Answer, isJsonObject, type JsonObject, type Message, stringIn } from './json-rpc.js'

/**
 * Invisible characters, control characters that terminals interpret, and bidirectional controls, but not characters that join letters or
 * emoji.
 */
const unseen = /(?!\t|\n|\u200c|\u200d|\ufe0f)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** Removes invisible and control characters from a server's text. */
function cleaned(text: string): string {
  return text.replace(unseen, '')
}

/** Converts a server's text to a single line, so that no part of it can look like a message from another party. */
export function asLine(text: string): string {
  return cleaned(text)
    .replace(/[\s\u2800]+/g, ' ')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1')
    .trim()
}

/** Opaque values that the client returns to the party that created them; they must not be changed. */
const opaqueMembers: ReadonlySet<string> = new Set([
  'requestState',
  'nextCursor',
  'requestId',
  'progressToken',
  'elicitationId',
  'io.modelcontextprotocol/subscriptionId',
])

/** Removes invisible characters from all strings in a value, and drops members whose names contain any. */
function cleanedIn(value: unknown): unknown {
  if (typeof value === 'string') return cleaned(value)
  if (Array.isArray(value)) return value.map(cleanedIn)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => cleaned(name) === name)
      .map(([name, member]) => [name, opaqueMembers.has(name) ? member : cleanedIn(member)]),
  )
}

/** Cleans the parameters of a server's request or notification. */
export function cleanedParams(params: JsonObject | undefined): JsonObject | undefined {
  return params && (cleanedIn(params) as JsonObject)
}

/**
 * Cleans a server's notification. Returns undefined if its method name contains invisible characters, because no client can know such a
 * method.
 */
export function cleanedMessage(message: Message): Message | undefined {
  if (!('method' in message)) return message
  if (cleaned(message.method) !== message.method) return undefined
  return message.params ? { ...message, params: cleanedParams(message.params) ?? {} } : message
}

/** Content that the model requested and that it receives unchanged. */
const content: ReadonlySet<string> = new Set(['content', 'structuredContent', 'contents', 'messages'])

/**
 * A server's lists, and the member that identifies each entry. An entry is dropped if cleaning would change its identifier, because the
 * entry could then not be requested.
 */
const names: Readonly<Record<string, string>> = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
}

/**
 * Cleans the parts of a server's response that users and apps read: errors, lists, and the server's description of itself. The results of
 * tools, resources and prompts are content, so they are left unchanged.
 *
 * @param onProblem called with what was dropped
 */
export function cleanedAnswer(answer: Answer, onProblem: (text: string) => void): Answer {
  if ('error' in answer) {
    const { message, data, code } = answer.error
    return { error: { code, message: cleaned(message), ...(data === undefined ? {} : { data: cleanedIn(data) }) } }
  }
  const members = Object.entries(answer.result).map(([member, value]) => {
    if (content.has(member) || opaqueMembers.has(member)) return [member, value]
    const name = names[member]
    const isList = name !== undefined && Array.isArray(value)
    return [member, cleanedIn(isList ? value.filter((each) => isSound(each, name, onProblem)) : value)]
  })
  return { result: Object.fromEntries(members) as JsonObject }
}

function isSound(listed: unknown, name: string, onProblem: (text: string) => void): boolean {
  const called = stringIn(listed, name)
  if (cleaned(called) === called) return true
  onProblem(`${asLine(called).slice(0, 100)} is left out, because its ${name} contains invisible characters.`)
  return false
}
