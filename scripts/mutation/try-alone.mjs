import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyMutation } from './mutations.mjs'
import { runTests } from './run-tests.mjs'
import { switchEnvironment } from './try-together.mjs'

/**
 * Tries one mutation in separate processes, from their start. It counts as killed only if a test file fails twice in a row with it and passes
 * without it, or if its tests finish in time without it but not with it.
 *
 * @param {string} root of the copy
 * @param {{ file: string, start: number, end: number, replacement: string }} mutation
 * @param {{ source: string, tests: readonly { test: string, seconds: number }[], seconds: number, passing: Map<string, boolean> }} options
 * `source` of the file, without mutations; `tests`, nearest first; `seconds` for all of them; `passing`: whether a test file passes without a
 * mutation, as far as that is known
 * @returns {Promise<{ outcome: 'killed' | 'survived', by?: string, ran: string[], left: number }>} `left`: the number of
 * test files that there was no time for
 */
export async function tryAlone(root, mutation, { source, tests, seconds, passing }) {
  const { runs, left } = planRuns(tests, seconds)
  const path = join(root, 'packages', mutation.file)
  const instrumented = readFileSync(path, 'utf8')
  const ran = []
  const run = (names, bound, isMutated) => {
    writeFileSync(path, isMutated ? applyMutation(source, mutation) : instrumented)
    const limit = () => ({ progress: 0, seconds: bound })
    return runTests(root, names, { limit, options: ['--bail=1'], env: switchEnvironment(root) })
  }
  try {
    for (const each of runs) {
      const by = await tryRun(each)
      ran.push(...each.map(({ test }) => test))
      if (by) return { outcome: 'killed', by, ran, left }
    }
    return { outcome: 'survived', ran, left }
  } finally {
    writeFileSync(path, instrumented)
  }

  async function tryRun(each) {
    const bound = 180 + 20 * each.reduce((sum, { seconds: own }) => sum + own, 0)
    let rest = each.map(({ test }) => test)
    while (rest.length > 0) {
      const { outcome, files } = await run(rest, bound, true)
      if (outcome === 'passed') return undefined
      if (outcome === 'timeout') return (await run(rest, bound, false)).outcome === 'passed' ? 'timeout' : undefined
      const failed = files.filter(({ passed }) => !passed).map(({ test }) => test)
      const suspects = failed.length > 0 ? failed.slice(0, 1) : rest
      const again = await run(suspects, bound, true)
      if (again.outcome === 'failed' && (await passes(suspects, bound)))
        return suspects.length === 1 ? suspects[0] : 'no test file'
      rest = rest.filter((test) => !suspects.includes(test))
    }
    return undefined
  }

  async function passes(suspects, bound) {
    for (const test of suspects)
      if (!passing.has(test)) passing.set(test, (await run([test], bound, false)).outcome === 'passed')
    return suspects.every((test) => passing.get(test))
  }
}

/** A short run of the nearest tests, which most mutations do not survive, and a longer one, as far as the time allows. */
function planRuns(tests, seconds) {
  const runs = [[], []]
  let [spent, left] = [0, 0]
  for (const each of tests) {
    if (spent > 0 && spent + each.seconds > seconds) left++
    else {
      spent += each.seconds
      runs[spent <= seconds / 12 || spent === each.seconds ? 0 : 1].push(each)
    }
  }
  return { runs: runs.filter((run) => run.length > 0), left }
}
