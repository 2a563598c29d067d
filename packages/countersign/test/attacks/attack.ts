import { expect } from 'vitest'
import type { MessageParts } from '../received-message.js'
import type { Answer } from './raw-http.js'
import type { Frames } from './raw-http2.js'
import { type Stage, type StageOptions, secretsOf } from './stage.js'

/** A message to send: its contents, its recipient, and which of two instances receives it. */
export interface Message extends Required<MessageParts> {
  /** @default 'resource' */
  to?: 'resource' | 'token endpoint'
  /** @default 0 */
  instance?: 0 | 1
  /** The address it comes from; over HTTP, as reported by the proxy in front. @default 127.0.0.1 */
  from?: string
  /** Changes the bytes on the wire, if there is a wire. */
  raw?: (bytes: string) => string
  /** Sent instead over HTTP/2. */
  frames?: Frames
}

/** One case of a row: a valid message, and the attack derived from it. */
export interface Case {
  claim: string
  options?: StageOptions
  /** Options of the stage on which the valid message is accepted. @default options */
  validOptions?: StageOptions
  /** Set if only one runner can detect the difference: bytes that a parser removes, or too many bytes for a wire. @default all */
  on?: 'verifier' | 'http' | 'http2'
  /** A message that is accepted. */
  valid: (stage: Stage) => Promise<Message>
  /** Makes the attack from it, on another stage than the one that accepted it. */
  attack: (stage: Stage, valid: Message) => Promise<() => Promise<Answer>>
  expected: Outcome
}

export interface Outcome {
  status: number
  /** The `error` of the body. */
  error?: string
  /** The `error` of `Signature-Error`. */
  signatureError?: string
  /** The components that `Signature-Error` names as required. */
  requiredInput?: readonly string[]
  /** The algorithms that `Signature-Error` names as supported. */
  supported?: readonly string[]
  /** The pattern that `Agent-Auth` must match. @default a level below a resource token's, at a resource */
  agentAuth?: RegExp
  /** The origin that nothing may be fetched from, or `any`. */
  unasked?: string
  /** How many resource tokens are signed. @default 0 */
  minted?: number
  /** The response from the HTTP/1.1 parser, if it rejects the message before our code. */
  overHttp?: { status: number; error?: string }
  /** The outcome over HTTP/2, if it differs. */
  overHttp2?: Outcome
  /** Additional assertions to run afterwards. */
  also?: (stage: Stage, answer: Answer) => void | Promise<void>
}

/** Many concurrent messages, and the expected number of responses of each status. */
export interface Race {
  claim: string
  options?: StageOptions
  race: (stage: Stage) => Promise<Answer[]>
  counts: Readonly<Record<string, number>>
  also?: (stage: Stage) => void
}

/** A check without a message: a server that must not start. */
export interface Check {
  claim: string
  check: () => void | Promise<void>
}

/** A row of the attack table. */
export interface Row {
  id: string
  given: string
  /** An HTTP parser or a router is involved: all of its cases are run over each wire. */
  parsed?: true
  cases?: readonly Case[]
  races?: readonly Race[]
  checks?: readonly Check[]
  /** The part of the row that is not run here, and why. */
  later?: string
}

/** Sends the valid message of a case, which must be accepted. */
export async function playValid({ valid }: Case, stage: Stage): Promise<void> {
  const { status, body } = await stage.send(await valid(stage))
  expect(`${status} ${body}`).toMatch(/^200 /)
}

/** Runs a case and checks its outcome. */
export async function play({ valid, attack, expected: anywhere }: Case, stage: Stage): Promise<void> {
  const expected = (stage.wire === 'http2' && anywhere.overHttp2) || anywhere
  const send = await attack(stage, await valid(stage))
  const before = {
    asked: stage.asked.length,
    minted: stage.minted(),
    handled: stage.handled.length,
    changes: await stage.changes(),
  }
  const answer = await send()
  const ofParser = answer.isReset ? resetFor(expected) : stage.wire === 'http' ? expected.overHttp : undefined
  const byParser = ofParser !== undefined
  const { status, error } = ofParser ?? expected
  expect.soft({ status: answer.status, error: errorOf(answer) }).toEqual({ status, error })
  if (!byParser) expect.soft(answer.headers.get('signature-error')).toBe(signatureErrorOf(expected))
  if (answer.status >= 400) {
    expect.soft(stage.handled.length).toBe(before.handled)
    expect.soft(await stage.changes()).toBe(before.changes)
    expectNothingGiven(stage, answer)
    if (!byParser) expectChallenge(answer, expected.agentAuth)
  }
  expect.soft(stage.minted() - before.minted).toBe(expected.minted ?? 0)
  const { unasked } = expected
  const asked = stage.asked.slice(before.asked)
  if (unasked) expect.soft(asked.filter((url) => unasked === 'any' || url.startsWith(unasked))).toEqual([])
  await expected.also?.(stage, answer)
}

/** An HTTP/2 parser resets the stream when an HTTP/1.1 parser would respond, or when we would return 400. */
function resetFor({ status, overHttp }: Outcome): { status: number; error?: string } | undefined {
  return overHttp || status === 400 ? { status: 400 } : undefined
}

/** Runs a race and counts its responses. */
export async function playRace({ race, counts, also }: Race, stage: Stage): Promise<void> {
  const counted: Record<string, number> = {}
  for (const { status } of await race(stage)) counted[status] = (counted[status] ?? 0) + 1
  expect(counted).toEqual(counts)
  also?.(stage)
}

function errorOf({ headers, body }: Answer): string | undefined {
  if (body === '' || !headers.get('content-type')?.startsWith('application/json')) return undefined
  return (JSON.parse(body) as { error?: string }).error
}

function signatureErrorOf({ signatureError, requiredInput, supported }: Outcome): string | null {
  if (signatureError === undefined) return null
  const list = (name: string, values: readonly string[] | undefined) =>
    values ? `, ${name}=(${values.map((value) => `"${value}"`).join(' ')})` : ''
  return `error=${signatureError}${list('required_input', requiredInput)}${list('supported_algorithms', supported)}`
}

function expectChallenge({ status, headers }: Answer, agentAuth: RegExp | undefined): void {
  const challenge = headers.get('agent-auth')
  if (agentAuth) expect.soft(challenge ?? '').toMatch(agentAuth)
  else if (challenge !== null)
    expect.soft(challenge).toMatch(/^httpsig(?:; identity=\?1|; auth-token)?(?:; algs=\(.*\))?$/)
  // The token endpoint only ever challenges for an identity; its refusals carry a request id.
  if (status === 401 && !headers.has('x-request-id')) expect.soft(challenge).not.toBeNull()
}

function expectNothingGiven(stage: Stage, { headers, body }: Answer): void {
  if (headers.has('content-type')) expect.soft(headers.get('cache-control')).toBe('no-store')
  expect
    .soft(body)
    .not.toMatch(/\bat \S+ \(|[\\/](?:packages|node_modules|dist)[\\/]|node:|\d+\.\d+\.\d+\.\d+|\.example/)
  expect.soft(body).not.toMatch(/"auth_token"|"request_token"|BEGIN |"d":/)
  expect.soft(secretsOf(stage).filter((secret) => body.includes(secret))).toEqual([])
}
