import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseTests, planRuns } from './choose-tests.mjs'
import { applyMutation } from './mutations.mjs'
import { runTests } from './run-tests.mjs'

/**
 * Tries one mutation in a copy of the checkout. It counts as killed only if a test file fails twice in a row with it and passes without it,
 * or if its tests finish in time without it but not with it.
 *
 * @param {string} root of the copy
 * @param {{ file: string, hash: string, start: number, end: number, replacement: string }} mutation
 * @param {{ map: object, importers: object, tests: readonly string[], seconds: number, passing: Map<string, boolean> }} options `seconds`
 * for all of its tests; `passing`: whether a test file passes without a mutation, as far as that is known
 * @returns {Promise<{ outcome: 'killed' | 'survived' | 'undecided', by?: string, ran: number, left: number, flaky: string[] }>} `left`: the
 * number of test files that there was no time for
 */
export async function tryMutation(root, mutation, { map, importers, tests, seconds, passing }) {
  const path = join(root, 'packages', mutation.file)
  const source = readFileSync(path, 'utf8')
  const usable = tests.filter((test) => passing.get(test) !== false)
  const chosen = chooseTests(map, mutation, importers, usable)
  const { runs, left } = planRuns(chosen, seconds)
  const flaky = []
  const unmutated = withSource(path, source, applyMutation(source, mutation))
  let ran = 0
  writeFileSync(path, applyMutation(source, mutation))
  try {
    for (const run of runs) {
      const outcome = await tryRun(root, run, { flaky, passing, unmutated })
      ran += run.length
      if (outcome.outcome !== 'survived') return { ...outcome, ran, left, flaky }
    }
    return { outcome: ran === 0 ? 'undecided' : 'survived', ran, left, flaky }
  } finally {
    writeFileSync(path, source)
  }
}

/** Restores the original while `work` runs. */
function withSource(path, source, mutated) {
  return async (work) => {
    writeFileSync(path, source)
    try {
      return await work()
    } finally {
      writeFileSync(path, mutated)
    }
  }
}

async function tryRun(root, run, { flaky, passing, unmutated }) {
  const bound = 30 + 6 * run.reduce((sum, { seconds }) => sum + seconds, 0)
  let rest = run.map(({ test }) => test)
  while (rest.length > 0) {
    const { outcome, files } = await runTests(root, rest, { seconds: bound, options: ['--bail=1'] })
    if (outcome === 'passed') return { outcome: 'survived' }
    if (outcome === 'timeout') {
      const without = await unmutated(() => runTests(root, rest, { seconds: bound }))
      return without.outcome === 'timeout' ? { outcome: 'undecided' } : { outcome: 'killed', by: 'timeout' }
    }
    const failed = files.filter(({ passed }) => !passed).map(({ test }) => test)
    const suspects = failed.length > 0 ? failed.slice(0, 1) : rest
    const again = await runTests(root, suspects, { seconds: bound, options: ['--bail=1'] })
    if (again.outcome === 'failed' && (await passUnmutated(root, suspects, { bound, passing, unmutated })))
      return { outcome: 'killed', by: suspects.length === 1 ? suspects[0] : 'no test file' }
    flaky.push(...suspects)
    rest = rest.filter((test) => !suspects.includes(test))
  }
  return { outcome: 'survived' }
}

async function passUnmutated(root, suspects, { bound, passing, unmutated }) {
  if (suspects.every((test) => passing.get(test))) return true
  const { outcome } = await unmutated(() => runTests(root, suspects, { seconds: bound }))
  for (const test of suspects) passing.set(test, outcome === 'passed')
  return outcome === 'passed'
}
