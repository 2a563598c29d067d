import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { StepResults } from './client-steps.js'

const file = new URL('clients.json', import.meta.url)

/** A row of the table of clients in the documentation. */
interface ClientRow {
  id: string
  package: string
  version: string
  outcomes: StepResults['outcomes'] | null
}

const readRows = () => JSON.parse(readFileSync(file, 'utf8')) as ClientRow[]

/** The row of a client. */
export function rowOf(id: string): ClientRow {
  const row = readRows().find((each) => each.id === id)
  if (!row) throw new Error(`clients.json has no client ${id}`)
  return row
}

/** Expects a client to do what its row says; with `npm run clients -- --write`, writes its row instead. */
export function expectAsInTable(id: string, { outcomes, reasons }: StepResults): void {
  if (process.env.OAUTH_CLIENTS_WRITE !== undefined) {
    const rows = readRows().map((row) => (row.id === id ? { ...row, outcomes } : row))
    writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`)
  }
  expect(outcomes, JSON.stringify(reasons)).toEqual(rowOf(id).outcomes)
}
