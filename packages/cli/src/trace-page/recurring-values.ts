import { parseJsonObject } from 'countersign/tokens'
import type { Line, Member, Message, RecurringValue } from './run-model.js'

/** Names that readers know better than the member’s. */
const labels: Readonly<Record<string, string>> = {
  agent_jkt: 'thumbprint of the agent’s key',
  jti: 'token id',
  kid: 'key id',
  sub: 'the user’s id',
  x: 'public key',
}

/** Identifiers and random values: words without a digit, URLs and texts with spaces are none. */
const identifier = /^(?=.*\d)(?=.*[A-Za-z])[\w.-]{8,}$/

const most = 100

/** Finds the values that occur in several messages of a run, such as thumbprints, token ids and codes. */
export function findRecurringValues(messages: readonly Message[]): readonly RecurringValue[] {
  const candidates = new Map<string, string>()
  const add = (name: string, text: unknown) => {
    if (typeof text !== 'string' || !identifier.test(text) || candidates.has(text)) return
    candidates.set(text, Object.hasOwn(labels, name) ? (labels[name] ?? name) : name.replaceAll('_', ' '))
  }
  for (const message of messages) {
    for (const line of linesOf(message)) {
      for (const token of line.tokens) {
        candidates.set(token.compact, token.kind)
        for (const member of [...token.payload, ...token.header]) addMember(member, add)
      }
      for (const [, name = '', text] of line.value.matchAll(/([\w-]+)="([^"]*)"/g)) add(name, text)
      for (const [, name = '', text] of line.value.matchAll(/(?:^|[?&\s])(\w+)=([\w.-]+)(?![\w.%-])/g)) add(name, text)
      for (const [name, value] of Object.entries(parseJsonObject(line.value) ?? {})) add(name, value)
      for (const [, name = '', text] of line.value.matchAll(/"(x|kid)": "([^"]*)"/g)) add(name, text)
    }
  }
  const texts = messages.map((message) => ({ number: message.number, text: textOf(message) }))
  return [...candidates]
    .map(([text, label]) => ({
      text,
      label,
      messages: texts.filter((message) => message.text.includes(text)).map(({ number }) => number),
    }))
    .filter((value) => value.messages.length > 1)
    .slice(0, most)
    .map((value, index) => ({ id: `v${index + 1}`, ...value }))
}

function addMember({ name, value, thumbprint }: Member, add: (name: string, text: unknown) => void): void {
  add(name, value)
  if (name !== 'cnf') return
  add('agent_jkt', thumbprint)
  add('x', /"x":"([^"]*)"/.exec(value)?.[1])
}

function linesOf({ lines, body }: Message): readonly Line[] {
  return body ? [...lines, body] : lines
}

/** Everything of a message in which a value may occur. */
function textOf(message: Message): string {
  return linesOf(message)
    .flatMap(({ value, explanation, tokens }) => [
      value,
      explanation ?? '',
      ...tokens.flatMap(({ header, payload }) =>
        [...header, ...payload].flatMap((member) => [member.value, member.explanation ?? '']),
      ),
    ])
    .join('\n')
}
