import type { RecognizedMessage, Sentence } from '../editions/page-text.js'
import type { SeenExchange } from '../message-trace/exchange-log.js'
import { nameOfParty } from '../message-trace/render-frame.js'
import type { Party } from '../message-trace/trace-event.js'
import { type AttemptName, attemptTexts } from './attempts.js'
import { type DescribeContext, describeMessage } from './describe-message.js'
import { findRecurringValues } from './recurring-values.js'
import type { Attempt, Lane, Message, RunModel } from './run-model.js'

export interface BuildRunOptions extends DescribeContext, Pick<RunModel, 'title' | 'lead' | 'notice'> {
  exchanges: readonly SeenExchange[]
  /** @default none were made */
  attempts?: Readonly<Record<AttemptName, SeenExchange>>
}

/** Builds the page's model of a run. */
export async function buildRun(options: BuildRunOptions): Promise<RunModel> {
  const { title, lead, notice, exchanges, edition } = options
  const described: Omit<Message, 'id' | 'number'>[] = []
  for (const { exchange, kind } of inOrder(exchanges)) described.push(await describeMessage(exchange, kind, options))
  const messages = described.map((message, index) => ({ ...message, id: `m${index + 1}`, number: index + 1 }))
  return {
    title,
    lead,
    notice,
    edition: edition.page.edition,
    lanes: lanesOf(exchanges, options),
    sentences: chooseMessages(edition.page.sentences, messages),
    trust: edition.page.trust,
    replay: edition.page.replay,
    messages,
    attempts: options.attempts ? await describeAttempts(options.attempts, options) : [],
    values: findRecurringValues(messages),
  }
}

interface OrderedMessage {
  exchange: SeenExchange
  kind: Message['kind']
}

/** The messages as they were sent: a receiver may make requests before it responds. */
function inOrder(exchanges: readonly SeenExchange[]): OrderedMessage[] {
  const placed = exchanges.flatMap((exchange, index) => {
    const request = { exchange, kind: 'request' as const, after: index + 1, place: 0 }
    if (!exchange.response) return [request]
    // Of two responses at the same place, that of the inner exchange was sent first.
    const after = Math.max(exchange.respondedAfter ?? 0, index + 1)
    return [request, { exchange, kind: 'response' as const, after, place: exchanges.length - index }]
  })
  return placed.sort((one, other) => one.after - other.after || one.place - other.place)
}

/** Next to each other are the parties that talk most. */
const order: readonly Party[] = ['resource', 'agent', 'auth-server', 'browser', 'peer']

const names: Readonly<Partial<Record<Party, string>>> = {
  resource: 'API',
  browser: 'user’s browser',
  peer: 'another party',
}

function lanesOf(exchanges: readonly SeenExchange[], { edition }: DescribeContext): readonly Lane[] {
  const origins = new Map<Party, string>()
  for (const { to, request } of exchanges) if (!origins.has(to)) origins.set(to, new URL(request.url).origin)
  const present = new Set(exchanges.flatMap(({ from, to }) => [from, to]))
  return order
    .filter((party) => present.has(party))
    .map((party) => ({
      party,
      name: names[party] ?? nameOfParty(party, edition.trace),
      origin: origins.get(party),
    }))
}

function chooseMessages(sentences: readonly Sentence[], messages: readonly Message[]): RunModel['sentences'] {
  return sentences.flatMap(({ text, at }) => {
    const message = messages.find((candidate) => at(recognized(candidate)))
    return message ? [{ text, message }] : []
  })
}

function recognized({ from, to, kind, title, isDiscovery, lines, body }: Message): RecognizedMessage {
  const isRequest = kind === 'request'
  const [, path = ''] = isRequest ? (/^\S+ (\S+)/.exec(lines[0]?.value ?? '') ?? []) : []
  const content = [...lines, ...(body ? [body] : [])].map(({ value }) => value).join('\n')
  return { from, to, path, status: isRequest ? undefined : Number(title.slice(0, 3)), isDiscovery, content }
}

async function describeAttempts(
  attempts: Readonly<Record<AttemptName, SeenExchange>>,
  context: DescribeContext,
): Promise<readonly Attempt[]> {
  const names = Object.keys(attemptTexts) as AttemptName[]
  return Promise.all(
    names.map(async (name) => {
      const request = await describeMessage(attempts[name], 'request', context)
      const response = await describeMessage(attempts[name], 'response', context)
      return {
        ...attemptTexts[name],
        messages: [request, response].map((message, index) => ({
          ...message,
          id: `${name}-${message.kind}`,
          number: index + 1,
        })),
        status: response.title,
        refusal: response.refusal ?? '',
      }
    }),
  )
}
