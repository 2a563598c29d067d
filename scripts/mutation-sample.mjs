// Makes small changes to built files, in a copy of the checkout, and runs the tests that reach them with one change at a time. A change that
// no test detects is a survivor. CONTRIBUTING.md describes the arguments.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { builtFiles, copyCheckout, hashOf, requireFreshBuild, sourceOf } from './mutation/checkout-copy.mjs'
import { applyMutation, isValidModule, mutationsOf } from './mutation/mutations.mjs'
import { describeResults } from './mutation/report.mjs'
import { areaOf, areas, drawSample } from './mutation/sample.mjs'
import { testFiles } from './mutation/test-files.mjs'
import { trySample } from './mutation/try-sample.mjs'

const usage = `usage: npm run mutants -- --seed N [--area NAME]... [--count N] [--seconds N] [--jobs N] [--folder PATH]
       [--survivors RESULTS] [--tests PREFIX]... [--list]
`
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    area: { type: 'string', multiple: true, default: Object.keys(areas) },
    count: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '60' },
    jobs: { type: 'string', default: '1' },
    folder: { type: 'string', default: join(tmpdir(), 'countersign-mutants') },
    survivors: { type: 'string' },
    tests: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
  },
})
const [count, seconds, jobs] = [values.count, values.seconds, values.jobs].map(Number)
const unknown = values.area.filter((area) => !(area in areas))
if (values.seed === undefined || unknown.length > 0 || ![count, seconds, jobs].every((each) => each > 0)) {
  process.stderr.write(`${usage}areas: ${Object.keys(areas).join(', ')}\n`)
  process.exit(2)
}

const log = (line) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
const checkout = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
requireFreshBuild(checkout)
const copies = Array.from({ length: jobs }, (_, index) => join(values.folder, `checkout-${index + 1}`))
for (const copy of values.list ? copies.slice(0, 1) : copies) copyCheckout(checkout, copy)
const [root] = copies

const files = builtFiles(root)
const read = (file) => readFileSync(join(root, 'packages', file), 'utf8')
const candidates = files.flatMap((file) => {
  const area = areaOf(file)
  if (area === undefined || !values.area.includes(area)) return []
  const source = read(file)
  const hash = hashOf(source)
  return mutationsOf(source).map((mutation) => ({
    ...mutation,
    area,
    file,
    hash,
    original: source.slice(mutation.start, mutation.end),
    around: source.slice(Math.max(0, mutation.start - 40), mutation.end + 40),
  }))
})
const counts = Object.fromEntries(
  values.area.map((area) => [area, candidates.filter((each) => each.area === area).length]),
)
const sample = values.survivors ? survivorsOf(values.survivors) : values.area.flatMap(drawArea)
for (const mutation of sample) mutation.source = sourceOf(root, mutation.file, mutation.start)
if (values.list) {
  for (const { id, source, kind, original, replacement } of sample)
    process.stdout.write(`${id} ${source.file}:${source.line} ${kind}: ${JSON.stringify([original, replacement])}\n`)
  process.exit()
}

const resultsPath = join(values.folder, `results-${values.seed}${values.survivors ? '-again' : ''}.jsonl`)
mkdirSync(values.folder, { recursive: true })
const results = values.survivors ? [] : earlierResults()
const waiting = sample.filter((mutation) => !results.some((each) => isSame(each, mutation)))
const lines = new Map(waiting.map((mutation) => [mutation, lineOf(mutation)]))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
await trySample(copies, waiting, { files, tests: testFiles(root, values.tests), seconds, log, finish })
results.sort((a, b) => sample.findIndex((each) => isSame(each, a)) - sample.findIndex((each) => isSame(each, b)))
const report = describeResults(results, counts)
writeFileSync(resultsPath.replace('.jsonl', '.md'), report)
process.stdout.write(report)
process.exitCode = results.every(({ outcome }) => outcome === 'killed') ? 0 : 1

function drawArea(area) {
  const own = candidates.filter((each) => each.area === area)
  const drawn = []
  for (const mutation of drawSample(own, own.length, `${values.seed} ${area}`)) {
    if (drawn.length === count) break
    const id = `${area}-${String(drawn.length + 1).padStart(2, '0')}`
    if (isValidModule(applyMutation(read(mutation.file), mutation))) drawn.push({ ...mutation, id })
  }
  return drawn
}

/** Survivors of an earlier sample that still exist, matched by the changed code and the text around it, because lines may have moved. */
function survivorsOf(path) {
  const survived = readLines(path).filter(({ outcome }) => outcome !== 'killed')
  return survived.flatMap((earlier) => {
    const same = candidates.filter((each) =>
      ['file', 'kind', 'original', 'replacement', 'around'].every((member) => each[member] === earlier[member]),
    )
    const near = same.sort((a, b) => Math.abs(lineOf(a) - earlier.line) - Math.abs(lineOf(b) - earlier.line))[0]
    if (!near) log(`${earlier.id} is gone: ${earlier.file} no longer contains ${earlier.original}`)
    return near ? [{ ...near, id: earlier.id }] : []
  })
}

function lineOf({ file, start }) {
  return read(file).slice(0, start).split('\n').length
}

function readLines(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Results of the same sample of the same files, so that an interrupted run can continue. */
function earlierResults() {
  if (!existsSync(resultsPath)) return []
  return readLines(resultsPath).filter((each) => sample.some((mutation) => isSame(each, mutation)))
}

function isSame(one, other) {
  return ['id', 'file', 'hash', 'start', 'end', 'replacement'].every((member) => one[member] === other[member])
}

function finish(mutation, outcome) {
  const result = { ...mutation, line: lines.get(mutation), ...outcome }
  results.push(result)
  appendFileSync(resultsPath, `${JSON.stringify(result)}\n`)
  log(`${result.id} ${result.outcome}${result.by ? ` by ${result.by}` : ''}, ${result.ran} test files`)
}
