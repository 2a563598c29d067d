import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { PeerOutcome } from './peer-programs.js'

const file = new URL('peers.json', import.meta.url)

export interface Pair {
  agent: 'countersign' | 'august'
  resource: 'countersign' | 'august'
  personServer: 'countersign' | 'mockin'
  /** Ours: the defaults, or with the switches for older implementations. */
  settings: 'default' | 'interop'
}

/** What a run recorded. */
interface Recorded {
  /** The difference that explains a refusal, as the documentation names it. Written by hand. */
  difference?: string
  outcome: string
  messages: readonly string[]
}

type Records = Record<string, Recorded>

export function rowId({ agent, resource, personServer, settings }: Pair, request: string): string {
  return [agent, resource, personServer, settings, request].join(' / ')
}

/** Expects a run to match its record; with `npm run interop -- --write`, writes its record instead. */
export function expectAsRecorded(id: string, { status, error }: PeerOutcome, messages: readonly string[]): void {
  const records = JSON.parse(readFileSync(file, 'utf8')) as Records
  const { difference } = records[id] ?? {}
  const recorded = {
    ...(difference && { difference }),
    outcome: status === undefined ? `error: ${error}` : String(status),
    messages,
  }
  if (process.env.DRAFT_11_PEERS_WRITE === undefined) expect(recorded).toEqual(records[id])
  else writeFileSync(file, `${JSON.stringify({ ...records, [id]: recorded }, null, 2)}\n`)
}
