import { CommandError, exitStatus } from '../command/errors.js'
import type { SeenExchange } from '../message-trace/exchange-log.js'
import type { HeaderLines, Party } from '../message-trace/trace-event.js'

/** Maximum size of a trace file, in bytes. */
export const maxTrace = 16 * 1_048_576

const maxMessages = 2000

const parties: readonly Party[] = ['agent', 'resource', 'auth-server', 'browser', 'peer']

/**
 * Parses the document that `demo --json` prints.
 *
 * @throws CommandError that names the first member that is wrong
 */
export function parseTrace(text: string): readonly SeenExchange[] {
  const trace = requireObject('the document', parseJson(text), ['messages', 'result'])
  const { messages } = trace
  if (!Array.isArray(messages) || messages.length === 0) throw invalid('messages is not a list of messages')
  if (messages.length > maxMessages) throw invalid(`it has more than ${maxMessages} messages`)
  return messages.map((message: unknown, index) => parseExchange(`messages[${index}]`, message, messages.length))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid('it is not JSON')
    throw error
  }
}

function parseExchange(at: string, value: unknown, count: number): SeenExchange {
  const message = requireObject(at, value, ['from', 'to', 'request', 'response', 'tokens'])
  const from = requireParty(`${at}.from`, message.from)
  const to = requireParty(`${at}.to`, message.to)
  const request = requireObject(`${at}.request`, message.request, ['method', 'url', 'headers', 'body'])
  const { method, url } = request
  if (typeof method !== 'string' || !/^[A-Za-z-]{1,30}$/.test(method))
    throw invalid(`${at}.request.method is not a method`)
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url))
    throw invalid(`${at}.request.url is not an http or https URL`)
  const seen = { method, url, ...contentOf(`${at}.request`, request) }
  if (message.response === null) return { from, to, request: seen, response: undefined, respondedAfter: undefined }
  const members = ['status', 'headers', 'body', 'responded_after']
  const response = requireObject(`${at}.response`, message.response, members)
  const status = requireNumber(`${at}.response.status`, response.status, [100, 599])
  const after = response.responded_after
  return {
    from,
    to,
    request: seen,
    response: { status, ...contentOf(`${at}.response`, response) },
    respondedAfter:
      after === undefined ? undefined : requireNumber(`${at}.response.responded_after`, after, [1, count]),
  }
}

function contentOf(at: string, { headers, body }: Members): { headers: HeaderLines; body: string | null } {
  const lines = Object.entries(requireObject(`${at}.headers`, headers)).map(([name, value]) => {
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))
      throw invalid(`${at}.headers has a name that is not a lowercase header name`)
    if (typeof value !== 'string') throw invalid(`${at}.headers.${name} is not a string`)
    return [name, value] as const
  })
  if (body !== null && typeof body !== 'string') throw invalid(`${at}.body is neither a string nor null`)
  return { headers: lines, body }
}

type Members = Readonly<Record<string, unknown>>

/** Requires an object with no members other than these, if any are given. */
function requireObject(at: string, value: unknown, members?: readonly string[]): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${at} is not an object`)
  const unknown = members && Object.keys(value).find((name) => !members.includes(name))
  if (unknown !== undefined) throw invalid(`${at} has an unknown member, ${JSON.stringify(unknown.slice(0, 40))}`)
  return value as Members
}

function requireParty(at: string, value: unknown): Party {
  const party = parties.find((known) => known === value)
  if (party === undefined) throw invalid(`${at} is none of ${parties.join(', ')}`)
  return party
}

function requireNumber(at: string, value: unknown, [least, most]: readonly [number, number]): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw invalid(`${at} is not a whole number from ${least} to ${most}`)
}

function invalid(problem: string): CommandError {
  return new CommandError(`This is not a trace: ${problem}. To make one: countersign demo --json > run.json`, {
    exitCode: exitStatus.usage,
  })
}
