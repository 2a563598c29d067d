import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { importersOf } from './checkout-copy.mjs'
import { hasFunctions, instrument } from './instrument.mjs'
import { distanceOf, nearestFirst } from './nearness.mjs'
import { tryAlone } from './try-alone.mjs'
import { tryTogether } from './try-together.mjs'

/**
 * Tries mutants, fastest way first: all that are compiled in, with each test file, for two seconds if it is about the same folder; then
 * with the slower tests; and those that survive once more in a new process each, because a table or a prepared query is evaluated only once in a process.
 *
 * @param {readonly string[]} copies of the checkout that are used at the same time
 * @param {readonly { file: string, start: number, end: number, replacement: string, inFunction: boolean }[]} sample
 * @param {{ files: readonly string[], tests: readonly string[], seconds: number, log: (line: string) => void, finish: (mutation: object,
 * outcome: object) => void }} options `seconds` for each mutant's tests
 */
export async function trySample(copies, sample, { files, tests, seconds, log, finish }) {
  const mutants = new Map(
    sample.map((mutation, index) => [
      index + 1,
      { number: index + 1, mutation, seconds, ran: new Set(), isOdd: false },
    ]),
  )
  const all = new Map(mutants)
  const { sources, markOf, left } = instrumentCopies(copies, [...all.values()], files)
  const knowledge = { cold: {}, warm: {}, tried: new Set(), deferred: new Map() }

  const decide = ({ number, test, event }) => {
    const { mutation, ran } = all.get(number)
    ran.add(test)
    if (event === 'unclear') all.get(number).isOdd = true
    if (event === 'killed' && mutants.has(number))
      finish(mutation, { outcome: 'killed', by: test, ran: ran.size, left: 0 })
  }
  const together = async (list, size, most) => {
    const batches = Array.from({ length: Math.ceil(list.length / size) }, (_, at) =>
      list.slice(at * size, (at + 1) * size),
    )
    await onEach(copies, batches, async (copy, batch) => {
      log(`${mutants.size} mutants left: ${batch[0]} and ${batch.length - 1} more`)
      await tryTogether(copy, batch, { mutants, most, knowledge, decide })
    })
  }
  const distance = new Map(tests.map((test) => [test, Math.min(...sample.map(({ file }) => distanceOf(test, file)))]))
  const nearest = [...tests].sort((a, b) => distance.get(a) - distance.get(b))
  await together(nearest, 16, first)
  const failed = () => tests.filter((test) => knowledge.cold[test]?.failure)
  await together(failed(), 1, first)
  log(
    `test files that fail without a mutant: ${
      failed()
        .map((test) => `${test} (${knowledge.cold[test].failure})`)
        .join(', ') || 'none'
    }`,
  )
  const slow = new Map()
  for (const [pair, takes] of [...knowledge.deferred].sort((a, b) => a[1] - b[1])) {
    const [test, number] = pair.split(' ')
    if (mutants.has(Number(number)) && !slow.has(test)) slow.set(test, takes)
  }
  await together([...slow.keys()], 4, { near: seconds, far: seconds })

  const passing = new Map(failed().map((test) => [test, false]))
  const usable = tests.filter((test) => knowledge.cold[test] && !knowledge.cold[test].failure)
  log(`${mutants.size} mutants left, each in its own process`)
  await onEach(copies, [...mutants.values()], async (copy, { number, mutation, ran, isOdd, ...mutant }) => {
    const isOnce = isOdd || left.has(number) || usable.some((test) => isReachedOnce(test, number))
    const isReached = (test) =>
      [number, ...(isOnce ? [markOf(mutation.file)] : [])].some((each) => knowledge.cold[test].reached.includes(each))
    const reaching = usable.filter(isReached).map((test) => ({ test, seconds: knowledge.cold[test].seconds }))
    const outcome = await tryAlone(copy, mutation, {
      source: sources.get(mutation.file),
      tests: nearestFirst(mutation.file, reaching),
      seconds: isOnce ? Math.max(seconds / 2, mutant.seconds) : seconds / 12,
      passing,
    })
    for (const test of outcome.ran) ran.add(test)
    const missing = reaching.filter(({ test }) => !ran.has(test)).length
    const survived = missing > 0 && ran.size === 0 ? 'undecided' : 'survived'
    finish(mutation, { ...outcome, outcome: outcome.by ? 'killed' : survived, ran: ran.size, left: missing, isOnce })
  })

  /** Whether a test file reaches a mutant in a new process but not when it is repeated. */
  function isReachedOnce(test, number) {
    if (!knowledge.cold[test].reached.includes(number)) return false
    const { failure, cases, outside } = knowledge.warm[test] ?? { failure: 'not repeated' }
    return (
      failure !== undefined ||
      ![outside, ...Object.values(cases).map((each) => each.reached)].some((each) => each.includes(number))
    )
  }
}

/** In seconds: how long one mutant takes with one test file in the first round. */
const first = { near: 2, far: 0.2 }

/** Calls `work` with each item, and a copy that no other call uses. */
async function onEach(copies, items, work) {
  const waiting = [...items]
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = waiting.shift(); item; item = waiting.shift()) await work(copy, item)
    }),
  )
}

/** Compiles the mutants into the copies. A function of their files, or of those that import a file without functions, marks the file as run. */
function instrumentCopies(copies, mutants, files) {
  const read = (file) => readFileSync(join(copies[0], 'packages', file), 'utf8')
  const importers = importersOf(copies[0], files)
  const runnersOf = (file, depth) => {
    if (hasFunctions(read(file)) || depth === 0) return [file]
    return (importers[file] ?? []).flatMap((each) => runnersOf(each, depth - 1))
  }
  const mutated = [...new Set(mutants.map(({ mutation }) => mutation.file))]
  const markOf = (file) => -1 - mutated.indexOf(file)
  const marks = new Map()
  for (const file of mutated)
    for (const runner of runnersOf(file, 3))
      marks.set(runner, [...new Set([...(marks.get(runner) ?? []), markOf(file)])])
  const sources = new Map([...new Set([...mutated, ...marks.keys()])].map((file) => [file, read(file)]))
  const left = new Set()
  for (const [file, source] of sources) {
    const own = mutants
      .filter(({ mutation }) => mutation.file === file)
      .map(({ number, mutation }) => ({ ...mutation, number }))
    const instrumented = instrument(source, own, marks.get(file) ?? [])
    for (const number of instrumented.left) left.add(number)
    for (const copy of copies) writeFileSync(join(copy, 'packages', file), instrumented.text)
  }
  return { sources, markOf, left }
}
