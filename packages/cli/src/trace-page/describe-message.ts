import { STATUS_CODES } from 'node:http'
import { AAuthError, type PublicJwk } from 'countersign'
import { fieldValues, jwkThumbprint, parseSignatureInput, type SignatureInput } from 'countersign/signatures'
import { confirmationJwk, parseJsonObject } from 'countersign/tokens'
import type { CommandEdition } from '../editions/command-edition.js'
import { explainMember } from '../inspect/claims.js'
import type { SeenExchange } from '../message-trace/exchange-log.js'
import { type FoundToken, findTokens } from '../message-trace/find-tokens.js'
import { refusalReasons } from '../message-trace/render-frame.js'
import { isDiscovery, receivedMessage, type TracedRequest, type TracedResponse } from '../message-trace/trace-event.js'
import { signatureBaseOf } from '../signature-mistakes/known-mistake.js'
import { titleCase } from '../terminal/text.js'
import type { BaseLine, DecodedParts, Line, Member, Message } from './run-model.js'

/** What describing a message needs besides the message. */
export interface DescribeContext {
  edition: CommandEdition
  /** When the run took place, in Unix seconds. */
  now: number
}

/** Describes one of the two messages of an exchange. */
export async function describeMessage(
  { from, to, request, response }: SeenExchange,
  kind: Message['kind'],
  { edition, now }: DescribeContext,
): Promise<Omit<Message, 'id' | 'number'>> {
  const shared = { kind, isDiscovery: request.method === 'GET' && isDiscovery(request.url) }
  if (kind === 'response' && response) {
    const title = `${response.status} ${STATUS_CODES[response.status] ?? ''}`.trimEnd()
    const start = { name: '', value: `HTTP/1.1 ${title}`, covered: [], explanation: undefined, tokens: [] }
    return {
      ...shared,
      from: to,
      to: from,
      title,
      lines: [start, ...(await describeHeaders(response, [], { edition, now }))],
      body: await describeBody(response, [], { edition, now }),
      signature: undefined,
      refusal: refusalOf(response, edition),
    }
  }
  const { method, url } = request
  const target = url.slice(new URL(url).origin.length)
  const input = signatureInputOf(request)
  const components = input?.components ?? []
  const start = ['@method', '@path', '@query', '@target-uri'].filter((name) => components.includes(name))
  return {
    ...shared,
    from,
    to,
    title: `${method} ${new URL(url).pathname}`,
    lines: [
      { name: '', value: `${method} ${target} HTTP/1.1`, covered: start, explanation: undefined, tokens: [] },
      ...(await describeHeaders(request, components, { edition, now })),
    ],
    body: await describeBody(request, components, { edition, now }),
    signature: input && describeSignature(request, input),
    refusal: undefined,
  }
}

/** The error code and its description; the headers that repeat them are shown anyway. */
function refusalOf(response: TracedResponse, { trace }: CommandEdition): string | undefined {
  const [code, description] = refusalReasons(response, trace)
  return description === undefined ? code : `${code}: ${description}`
}

/** What headers mean that are the same in all editions. */
const headerMeanings: Readonly<Record<string, string>> = {
  'signature-key': 'Where the receiver finds the public key: at a URL, or in the token.',
  'signature-input': 'What the signature covers, and when it was made.',
  signature: 'The signature itself. Only the holder of the private key can make it.',
  'content-digest': 'The digest of the body. The signature covers the digest, and thereby the body.',
  nonce: 'A random value that works once: the same request cannot be sent again.',
}

async function describeHeaders(
  message: TracedRequest | TracedResponse,
  components: readonly string[],
  context: DescribeContext,
): Promise<readonly Line[]> {
  const tokens = findTokens(message)
  const status = 'status' in message ? message.status : undefined
  const lines: Line[] = []
  for (const [name, value] of message.headers) {
    const covered = name === 'host' ? ['@authority'] : [name]
    const meaning = Object.hasOwn(headerMeanings, name) ? headerMeanings[name] : undefined
    lines.push({
      name: titleCase(name),
      value,
      covered: covered.filter((component) => components.includes(component)),
      explanation: context.edition.trace.describeHeader(name, value, status) ?? meaning,
      tokens: await describeTokens(tokens, name, context),
    })
  }
  return lines
}

async function describeBody(
  message: TracedRequest | TracedResponse,
  components: readonly string[],
  context: DescribeContext,
): Promise<Line | undefined> {
  const { headers, body } = message
  if (body === null) return undefined
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  return {
    name: `Body, ${Buffer.byteLength(body)} bytes`,
    value: readable(body, type),
    covered: components.includes('content-digest') ? ['content-digest'] : [],
    explanation: await describeKeys(body),
    tokens: await describeTokens(findTokens(message), 'body', context),
  }
}

function readable(body: string, type: string): string {
  if (type.startsWith('text/html')) {
    const title = /<title>([^<]*)/.exec(body)?.[1]
    return `[an HTML page${title === undefined ? '' : `: ${title}`}]`
  }
  if (type.startsWith('application/x-www-form-urlencoded')) return body.replaceAll('&', '\n&')
  const object = parseJsonObject(body)
  return object ? JSON.stringify(object, null, 2) : body
}

/** Names the thumbprints of the keys in a key set, by which tokens refer to them. */
async function describeKeys(body: string): Promise<string | undefined> {
  const { keys } = parseJsonObject(body) ?? {}
  if (!Array.isArray(keys)) return undefined
  const thumbprints = await Promise.all(keys.slice(0, 20).map(thumbprintOf))
  const known = thumbprints.filter((thumbprint) => thumbprint !== undefined)
  return known.length === 0 ? undefined : `Thumbprint: ${known.join(', ')}`
}

async function thumbprintOf(jwk: unknown): Promise<string | undefined> {
  try {
    return await jwkThumbprint(jwk as PublicJwk)
  } catch (error) {
    if (error instanceof AAuthError || error instanceof TypeError) return undefined
    throw error
  }
}

async function describeTokens(
  tokens: readonly FoundToken[],
  part: string,
  context: DescribeContext,
): Promise<readonly DecodedParts[]> {
  const inside = tokens.filter((token) => token.part === part)
  return Promise.all(
    inside.map(async ({ kind, compact, header, payload }) => {
      const jwk = confirmationJwk(payload)
      const thumbprint = jwk && (await thumbprintOf(jwk))
      return {
        kind,
        compact,
        header: membersOf(header, context),
        payload: membersOf(payload, context).map((member) =>
          member.name === 'cnf' && thumbprint !== undefined
            ? { ...member, thumbprint, explanation: `${member.explanation} Its thumbprint: ${thumbprint}` }
            : member,
        ),
      }
    }),
  )
}

function membersOf(object: object, { edition, now }: DescribeContext): readonly Member[] {
  return Object.entries(object).map(([name, value]: [string, unknown]) => ({
    name,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    explanation: explainMember(name, value, { claims: edition.claims, now }),
  }))
}

function signatureInputOf(request: TracedRequest): SignatureInput | undefined {
  const [value] = fieldValues(receivedMessage(request), 'signature-input')
  if (value === undefined) return undefined
  try {
    return parseSignatureInput(value)
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}

/** What a covered component protects. */
const componentMeanings: Readonly<Record<string, string>> = {
  '@method': 'GET cannot become DELETE.',
  '@authority': 'The request works only at this host.',
  '@path': 'It cannot be sent to another path.',
  '@query': 'No parameter can be changed or added.',
  'content-type': 'The body cannot be read as another format.',
  'content-digest': 'Not one byte of the body can be changed.',
  nonce: 'It cannot be sent twice.',
  'signature-key': 'The key, or the token with the key, cannot be replaced.',
  '@signature-params': 'Neither the list of components nor the time can be changed.',
}

function describeSignature(request: TracedRequest, input: SignatureInput): Message['signature'] {
  const base = signatureBaseOf({ message: receivedMessage(request), authority: new URL(request.url).host, input })
  if (typeof base !== 'string') return undefined
  const lines = base.split('\n').map((line): BaseLine => {
    const [, component = '', value = ''] = /^"([^"]*)"[^:]*: ?([\s\S]*)$/.exec(line) ?? []
    const meaning = Object.hasOwn(componentMeanings, component) ? componentMeanings[component] : undefined
    return { component, value, explanation: meaning ?? 'This header cannot be changed.' }
  })
  return { label: input.label, lines }
}
