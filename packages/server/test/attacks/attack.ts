import { expect } from 'vitest'
import type { Stage, StageOptions } from './stage.js'

/** One row of the attack table: a valid message or flow with one change, and the expected outcome. */
export interface Attack<S extends Stage = Stage> {
  /** The id of the row in docs/security/attacks.md that this case belongs to. */
  id: string
  claim: string
  options?: StageOptions
  /** Whether identifiers must be `https`, which loopback identifiers are not. */
  https?: boolean
  /** Sets up the scene using only valid messages, and returns the attack. */
  when: (stage: S) => Promise<() => Promise<Response>>
  expected: Outcome<S>
}

export interface Outcome<S extends Stage = Stage> {
  status: number
  /** The expected `error` of a JSON body. */
  error?: string
  /** The expected `data-state` of a page. */
  page?: string
  /** Headers that must be present, with the pattern that each value must match. */
  headers?: Readonly<Record<string, RegExp>>
  /** Audit events that the attack must record, in any order; no others may be recorded. @default none */
  audit?: readonly string[]
  /** Additional assertions to run afterwards. */
  also?: (stage: S, body: string, response: Response) => Promise<void> | void
}

/** A row whose attack consists of many concurrent requests. */
export interface Race<S extends Stage = Stage> {
  id: string
  claim: string
  when: (stage: S) => Promise<() => Promise<Response[]>>
  /** The number of responses of each kind, keyed by `status error`, or by `status` and the redirect target. */
  expected: Readonly<Record<string, number>>
  /** How often each event must have been recorded afterwards. */
  audit: Readonly<Record<string, number>>
}

/** Runs one row and checks its outcome. */
export async function play<S extends Stage>({ when, expected }: Attack<S>, stage: S): Promise<void> {
  const attack = await when(stage)
  const before = await eventIds(stage)
  const response = await attack()
  const body = await response.text()
  expect.soft({ status: response.status, ...described(response, body) }).toEqual({
    status: expected.status,
    error: expected.error,
    page: expected.page,
  })
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect.soft(response.headers.get(name) ?? '', name).toMatch(value)
  }
  if (response.status >= 400) expectNothingGiven(stage, response, body)
  const recorded = async () =>
    (await stage.storage.listEvents()).filter(({ id }) => !before.has(id)).map(({ event }) => event)
  // That an agent published a private key is recorded in the background.
  await expect
    .poll(async () => (await recorded()).sort(), { timeout: 30_000 })
    .toEqual([...(expected.audit ?? [])].sort())
  await expected.also?.(stage, body, response)
}

/** Runs a race and counts its outcomes. */
export async function playRace<S extends Stage>({ when, expected, audit }: Race<S>, stage: S): Promise<void> {
  const attack = await when(stage)
  const outcomes: Record<string, number> = {}
  for (const response of await attack()) {
    const { error } = described(response, await response.text())
    const outcome = `${response.status} ${error ?? response.headers.get('location')?.split('?')[0] ?? ''}`.trim()
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  expect(outcomes).toEqual(expected)
  for (const [event, times] of Object.entries(audit)) {
    expect((await stage.storage.listEvents({ event })).length, event).toBe(times)
  }
}

async function eventIds(stage: Stage): Promise<Set<string>> {
  return new Set((await stage.storage.listEvents()).map(({ id }) => id))
}

function described(response: Response, body: string): { error: string | undefined; page: string | undefined } {
  const isJson = /^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '')
  const parsed = isJson ? (JSON.parse(body) as { error?: string }) : undefined
  return { error: parsed?.error, page: /<main[^>]* data-state="([^"]*)"/.exec(body)?.[1] }
}

function expectNothingGiven(stage: Stage, response: Response, body: string): void {
  expect.soft(response.headers.get('location')).toBeNull()
  expect.soft(response.headers.get('cache-control')).toBe('no-store')
  expect.soft(body).not.toMatch(/"(?:auth|person|refresh)_token"|eyJ[\w-]+\.eyJ|[\\/]packages[\\/]|node:/)
  expect.soft(body).not.toMatch(/\bselect .*\bfrom\b|\binsert into\b|\bupdate \S+ set\b|\bdelete from\b/i)
  expect.soft(body).not.toMatch(/\bat \S+ \(/)
  // A page may show its own browser the request token that it is about.
  const shown = [...stage.secrets].filter((secret) => body.includes(secret) && !secret.startsWith('aarq_'))
  expect.soft(shown).toEqual([])
  if (response.headers.get('content-type')?.startsWith('application/')) expect.soft(body).not.toContain('aarq_')
}
