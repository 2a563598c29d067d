import { expect } from 'vitest'
import type { MessageParts } from '../received-message.js'
import type { Answer } from './raw-http.js'
import type { Frames } from './raw-http2.js'
import { type Stage, type StageOptions, secretsOf } from './stage.js'

/** A message to be sent: what is in it, to whom, and to which of two instances. */
export interface Message extends Required<MessageParts> {
  /** @default 'resource' */
  to?: 'resource' | 'token endpoint'
  /** @default 0 */
  instance?: 0 | 1
  /** The address it comes from; over HTTP, as the proxy in front says. @default 127.0.0.1 */
  from?: string
  /** Changes the bytes on the wire, where there is a wire. */
  raw?: (bytes: string) => string
  /** What is sent in its place over HTTP/2. */
  frames?: Frames
}

/** One case of a row: a message that passes, and what is made of it. */
export interface Case {
  claim: string
  options?: StageOptions
  /** Of the stage on which the valid message is accepted. @default options */
  validOptions?: StageOptions
  /** Where only one of the runners can tell: bytes that a parser takes away, or too many for a wire. @default all */
  on?: 'verifier' | 'http' | 'http2'
  /** A message that is accepted. */
  valid: (stage: Stage) => Promise<Message>
  /** Makes the attack of it, on another stage than it was accepted on. */
  attack: (stage: Stage, valid: Message) => Promise<() => Promise<Answer>>
  expected: Outcome
}

export interface Outcome {
  status: number
  /** The `error` of the body. */
  error?: string
  /** The `error` of `Signature-Error`. */
  signatureError?: string
  /** What `Signature-Error` says must be covered. */
  requiredInput?: readonly string[]
  /** The algorithms that `Signature-Error` says are supported. */
  supported?: readonly string[]
  /** What `Agent-Auth` must look like. @default a level below a resource token's, at a resource */
  agentAuth?: RegExp
  /** Where nothing may be fetched from: an origin, or `any`. */
  unasked?: string
  /** How many resource tokens are signed. @default 0 */
  minted?: number
  /** What the parser of HTTP/1.1 answers in place of us. */
  overHttp?: { status: number; error?: string }
  /** What becomes of it over HTTP/2, where that differs. */
  overHttp2?: Outcome
  /** What else must hold afterwards. */
  also?: (stage: Stage, answer: Answer) => void | Promise<void>
}

/** Many messages at once, and how many answers of each status come of them. */
export interface Race {
  claim: string
  options?: StageOptions
  race: (stage: Stage) => Promise<Answer[]>
  counts: Readonly<Record<string, number>>
  also?: (stage: Stage) => void
}

/** Something that is no message: a server that must not start. */
export interface Check {
  claim: string
  check: () => void | Promise<void>
}

/** A row of the list of attacks. */
export interface Row {
  id: string
  given: string
  /** An HTTP parser or a router takes part: all of its cases are played over each wire. */
  parsed?: true
  cases?: readonly Case[]
  races?: readonly Race[]
  checks?: readonly Check[]
  /** What of it is not played here, and why. */
  later?: string
}

/** Sends the valid message of a case, which must be accepted. */
export async function playValid({ valid }: Case, stage: Stage): Promise<void> {
  const { status, body } = await stage.send(await valid(stage))
  expect(`${status} ${body}`).toMatch(/^200 /)
}

/** Plays a case and checks its outcome. */
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

/** A parser of HTTP/2 resets the stream where one of HTTP/1.1 answers, or where we would answer 400. */
function resetFor({ status, overHttp }: Outcome): { status: number; error?: string } | undefined {
  return overHttp || status === 400 ? { status: 400 } : undefined
}

/** Plays a race and counts its answers. */
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
  // At the token endpoint only a missing identity is asked for; its refusals carry an id of the request.
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
