import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runTests } from './run-tests.mjs'

/**
 * @typedef {object} Knowledge
 * @property {Record<string, { failure?: string, reached: number[], seconds: number }>} cold by test file: its first run
 * @property {Record<string, { failure?: string, cases: Record<string, { reached: number[], ms: number }>, outside: number[] }>} warm by test
 * file: its second run in the same process, with the mutants that each test reaches
 * @property {Set<string>} tried test files and the numbers of the mutants that were tried with them
 * @property {Map<string, number>} deferred test files and numbers that would have taken longer than the limit, with the seconds that they take
 */

/** @returns {Record<string, string>} the environment of processes that run instrumented code, with no mutant active */
export function switchEnvironment(root) {
  const folder = join(root, 'mutants')
  mkdirSync(folder, { recursive: true })
  for (const name of ['log', 'reached']) rmSync(join(folder, name), { force: true })
  writeFileSync(join(folder, 'active'), '0')
  const preload = pathToFileURL(join(root, 'scripts/mutation/switch.mjs')).href
  return { MUTANTS_FOLDER: folder, NODE_OPTIONS: `--import=${preload}` }
}

/**
 * Tries mutants that are compiled into a copy of the checkout with test files that share a process. If it ends, another one continues.
 *
 * @param {string} root of the copy
 * @param {readonly string[]} tests
 * @param {{ mutants: Map<number, { seconds: number, mutation: { file: string } }>, most: { near: number, far: number }, knowledge: Knowledge, decide: (row: object) => void }} options
 * `mutants` that are still alive, by number, with the time that is left for each; `most`: seconds for one mutant and one test file, which is
 * about the folder of the mutant or not; `decide`
 * is called with each mutant and test file that were tried
 */
export async function tryTogether(root, tests, { mutants, most, knowledge, decide }) {
  let rest = [...tests]
  while (rest.length > 0 && mutants.size > 0) {
    const { rows, outcome } = await runPlan(root, rest, { mutants, most, knowledge })
    for (const row of rows) learn(row, { mutants, knowledge, decide })
    const last = rows.at(-1)
    if (last?.event === 'began') {
      const event = outcome === 'timeout' ? 'killed' : 'unclear'
      learn({ ...last, event, by: 'timeout' }, { mutants, knowledge, decide })
    }
    const left = rest.filter((test) => !rows.some((row) => row.test === test && row.event === 'done'))
    // The process ended before it tried a mutant: the first test file is the reason.
    if (left.length === rest.length && !rows.some(({ number }) => number !== undefined)) {
      const failure = `the process ended: ${outcome}`
      knowledge.cold[left[0]] = { reached: [], seconds: 0, ...knowledge.cold[left[0]], failure }
      left.shift()
    }
    rest = left
  }
}

async function runPlan(root, tests, { mutants, most, knowledge }) {
  const env = switchEnvironment(root)
  const { MUTANTS_FOLDER: folder } = env
  const plan = join(folder, 'plan.json')
  const known = Object.fromEntries(
    tests.flatMap((test) => (knowledge.warm[test] ? [[test, knowledge.warm[test]]] : [])),
  )
  const alive = [...mutants].map(([number, { seconds, mutation }]) => ({ number, seconds, file: mutation.file }))
  const skip = [...knowledge.tried]
  writeFileSync(plan, JSON.stringify({ root, folder, most, mutants: alive, skip, known }))
  const log = join(folder, 'log')
  const limit = () => {
    if (!existsSync(log)) return { progress: 0, seconds: 1200 }
    const text = readFileSync(log, 'utf8')
    const [, takes] = /"event":"began","seconds":([\d.e-]+)\}\n$/.exec(text.slice(-200)) ?? []
    return { progress: text.length, seconds: takes === undefined ? 1200 : 180 + 20 * Number(takes) }
  }
  const { outcome } = await runTests(root, tests, { limit, env: { ...env, MUTANTS_PLAN: plan } })
  return { rows: rowsOf(log), outcome }
}

function rowsOf(log) {
  if (!existsSync(log)) return []
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line))
}

function learn(row, { mutants, knowledge, decide }) {
  const { test, number, event, seconds } = row
  const pair = `${test} ${number}`
  if (event === 'cold' || event === 'warm') {
    // Later runs leave out tests that are not needed.
    const isKnown = knowledge[event][test] && knowledge[event][test].failure === undefined
    if (!isKnown) knowledge[event][test] = row
  } else if (event === 'deferred') knowledge.deferred.set(pair, seconds)
  else if (number !== undefined && event !== 'began') {
    if (event !== 'survived in part') {
      knowledge.tried.add(pair)
      knowledge.deferred.delete(pair)
    }
    if (mutants.has(number)) mutants.get(number).seconds -= seconds
    decide(row)
    if (event === 'killed') mutants.delete(number)
  }
}
