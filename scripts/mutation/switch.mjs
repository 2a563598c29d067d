// Preloaded into every process of a test run: tells the built code which mutant is active, and records which ones it reaches.
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.env.MUTANTS_FOLDER
/** More evaluations than any test needs: a mutant that reaches this number is in an endless loop. */
const most = 5_000_000

const state = {
  active: Number(readFileSync(join(folder, 'active'), 'utf8')),
  count: 0,
  reached: new Set(),
  /** Whether this is the process of the tests, whose runner reads `reached`. Others, which tests start, write it to a file. */
  isTested: false,
}
globalThis.mutants = state

globalThis.mutant = (id) => {
  if (!state.reached.has(id)) {
    state.reached.add(id)
    if (!state.isTested) appendFileSync(join(folder, 'reached'), `${id}\n`)
  }
  if (id !== state.active) return false
  if (++state.count > most) throw new Error('endless loop')
  return true
}
