import { type Answer, isJsonObject, type JsonObject, type Message, stringIn } from './json-rpc.js'

/** What nobody sees, what a terminal acts on, and what turns words around; but for what joins letters and pictures. */
const unseen = /(?!\t|\n|\u200c|\u200d|\ufe0f)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** A text of a server without what nobody sees. */
function cleaned(text: string): string {
  return text.replace(unseen, '')
}

/** A text of a server as one line: what it says next cannot stand apart, as if somebody else said it. */
export function asLine(text: string): string {
  return cleaned(text)
    .replace(/[\s\u2800]+/g, ' ')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1')
    .trim()
}

/** Names that a client gives back to whoever chose them. */
const givenBack: ReadonlySet<string> = new Set([
  'requestState',
  'nextCursor',
  'requestId',
  'progressToken',
  'elicitationId',
  'io.modelcontextprotocol/subscriptionId',
])

/** All texts in a value without what nobody sees; a member whose name has some of it is left out. */
function cleanedIn(value: unknown): unknown {
  if (typeof value === 'string') return cleaned(value)
  if (Array.isArray(value)) return value.map(cleanedIn)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => cleaned(name) === name)
      .map(([name, member]) => [name, givenBack.has(name) ? member : cleanedIn(member)]),
  )
}

/** What a server asks or tells. */
export function cleanedParams(params: JsonObject | undefined): JsonObject | undefined {
  return params && (cleanedIn(params) as JsonObject)
}

/** A notification of a server's; undefined for one that no client can know. */
export function cleanedMessage(message: Message): Message | undefined {
  if (!('method' in message)) return message
  if (cleaned(message.method) !== message.method) return undefined
  return message.params ? { ...message, params: cleanedParams(message.params) ?? {} } : message
}

/** What a model asked for, and gets as it is. */
const content: ReadonlySet<string> = new Set(['content', 'structuredContent', 'contents', 'messages'])

/** The lists of a server, and what each thing in them is called by: what has such a name cannot be asked for by another. */
const names: Readonly<Record<string, string>> = {
  tools: 'name',
  prompts: 'name',
  resources: 'uri',
  resourceTemplates: 'uriTemplate',
}

/**
 * An answer of a server's, as far as people and apps read it: errors, lists and what it says of itself. What a tool, a resource or a
 * prompt gives is content, and stays as it is.
 *
 * @param onProblem told what was left out
 */
export function cleanedAnswer(answer: Answer, onProblem: (text: string) => void): Answer {
  if ('error' in answer) {
    const { message, data, code } = answer.error
    return { error: { code, message: cleaned(message), ...(data === undefined ? {} : { data: cleanedIn(data) }) } }
  }
  const members = Object.entries(answer.result).map(([member, value]) => {
    if (content.has(member) || givenBack.has(member)) return [member, value]
    const name = names[member]
    const isList = name !== undefined && Array.isArray(value)
    return [member, cleanedIn(isList ? value.filter((each) => isSound(each, name, onProblem)) : value)]
  })
  return { result: Object.fromEntries(members) as JsonObject }
}

function isSound(listed: unknown, name: string, onProblem: (text: string) => void): boolean {
  const called = stringIn(listed, name)
  if (cleaned(called) === called) return true
  onProblem(`${asLine(called).slice(0, 100)} is left out: its ${name} has characters that nobody sees.`)
  return false
}
