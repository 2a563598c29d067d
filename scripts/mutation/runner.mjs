// The runner of Vitest that tries many mutants in one process: after a test file has passed, it repeats those of its tests that reach a mutant.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { startTests } from '@vitest/runner'
import { TestRunner, vi } from 'vitest'
import { distanceOf } from './nearness.mjs'

const { root, folder, most, mutants, skip, known } = JSON.parse(readFileSync(process.env.MUTANTS_PLAN, 'utf8'))
const state = globalThis.mutants
if (!state.isTested) {
  state.isTested = true
  state.waiting = new Map(mutants.map(({ number, seconds }) => [number, seconds]))
  for (const event of ['unhandledRejection', 'uncaughtException'])
    process.on(event, (error) => {
      state.unhandled = String(error)
    })
}
const fileOf = new Map(mutants.map(({ number, file }) => [number, file]))
const skipped = new Set(skip)
const say = (row) => appendFileSync(join(folder, 'log'), `${JSON.stringify(row)}\n`)

/** Long enough for a busy machine. A test that hangs with a mutant but not without it detects the mutant. */
const limits = { testTimeout: 20_000, hookTimeout: 20_000 }

export default class MutantRunner extends TestRunner {
  #isRepeated = false
  #only
  #failure
  #cases = {}
  #outside = new Set()
  #running = 0
  #timeOfTest = startClock()
  #timeOfFile = startClock()

  onCollectStart(file) {
    super.onCollectStart(file)
    if (this.#isRepeated) return
    const test = relative(root, file.filepath)
    const wanted = Object.entries(known[test]?.cases ?? {}).filter(([, { reached }]) =>
      reached.some((number) => state.waiting.has(number)),
    )
    const isPart = known[test] && !known[test].outside.some((number) => state.waiting.has(number))
    this.#begin(isPart ? wanted.map(([name]) => name) : undefined)
    this.#timeOfFile = startClock()
  }

  async onCollected(...args) {
    if (!this.#isRepeated) await super.onCollected?.(...args)
  }

  async onTaskUpdate(...args) {
    if (!this.#isRepeated) await super.onTaskUpdate?.(...args)
  }

  async onBeforeRunTask(test) {
    const isWanted = this.#failure === undefined && (this.#only?.has(nameOf(test)) ?? true)
    if (!isWanted && ['run', 'queued'].includes(test.mode)) test.mode = 'skip'
    await super.onBeforeRunTask(test)
    if (!['run', 'queued'].includes(test.mode)) return
    this.#keepOutside()
    this.#running++
    this.#timeOfTest = startClock()
  }

  onAfterRunTask(test) {
    super.onAfterRunTask(test)
    // If tests run at the same time, any of them may have reached a mutant.
    if (this.#running > 1) this.#keepOutside()
    this.#running--
    const { reached = [], ms = 0 } = this.#cases[nameOf(test)] ?? {}
    this.#cases[nameOf(test)] = { reached: [...reached, ...takeReached()], ms: ms + this.#timeOfTest() }
    if (test.result?.state === 'fail') this.#failure ??= nameOf(test)
  }

  // oxlint-disable-next-line typescript/no-misused-promises -- Vitest waits for it
  onAfterRunFiles(files) {
    super.onAfterRunFiles(files)
    return this.#isRepeated ? undefined : this.#afterFirstRun(files)
  }

  async #afterFirstRun(files) {
    const [{ filepath }] = files
    const test = relative(root, filepath)
    const failure = this.#end(files)
    const reached = [...new Set([...this.#outside, ...Object.values(this.#cases).flatMap((each) => each.reached)])]
    say({ test, event: 'cold', failure, reached, seconds: this.#timeOfFile() / 1000 })
    const { testTimeout, hookTimeout } = this.config
    this.#isRepeated = true
    Object.assign(this.config, limits)
    try {
      if (failure === undefined) await this.#tryMutants(test, filepath, reached)
    } finally {
      Object.assign(this.config, { testTimeout, hookTimeout })
      this.#isRepeated = false
    }
    say({ test, event: 'done' })
  }

  async #tryMutants(test, filepath, reached) {
    const isWaiting = (number) => state.waiting.has(number) && !skipped.has(`${test} ${number}`)
    if (!known[test] && !reached.some(isWaiting)) return
    const { cases, outside } = known[test] ?? (await this.#warm(test, filepath)) ?? {}
    if (!cases) return
    for (const number of [...state.waiting.keys()].filter(isWaiting)) {
      const all = Object.entries(cases)
      const some = all.filter((each) => each[1].reached.includes(number))
      const reaching = outside.includes(number) ? all : some
      if (reaching.length === 0) continue
      const needed = secondsOf(reaching)
      const chosen = cheapest(
        reaching,
        Math.min(distanceOf(test, fileOf.get(number)) < 2 ? most.near : most.far, state.waiting.get(number)),
      )
      if (chosen.length < reaching.length) say({ test, number, event: 'deferred', seconds: needed })
      if (chosen.length === 0) continue
      const seconds = secondsOf(chosen)
      say({ test, number, event: 'began', seconds })
      const names = chosen.map(([name]) => name)
      let [outcome, by] = await this.#judge(filepath, number, chosen.length === all.length ? undefined : names)
      // Tests that need those before them.
      if (outcome === 'unclear' && chosen.length === reaching.length)
        [outcome, by] = await this.#judge(filepath, number)
      if (outcome !== 'killed' && chosen.length < reaching.length) outcome = 'survived in part'
      say({ test, number, event: outcome, by, seconds })
      state.waiting.set(number, state.waiting.get(number) - seconds)
      if (outcome === 'killed') state.waiting.delete(number)
      // Something that the mutant changed stays: a new process continues.
      if (outcome === 'unclear') process.kill(process.pid, 'SIGKILL')
    }
  }

  /** Whether the test file passes a second time in the same process, and which of its tests reach a mutant then. */
  async #warm(test, filepath) {
    const failure = await this.#repeat(filepath, 0)
    const result = { cases: this.#cases, outside: [...this.#outside] }
    say({ test, event: 'warm', failure, ...result })
    return failure === undefined ? result : undefined
  }

  /** A mutant is killed if the tests fail with it twice, and pass without it in between. */
  async #judge(filepath, number, only) {
    const by = await this.#repeat(filepath, number, only)
    if (by === undefined) return ['survived']
    if ((await this.#repeat(filepath, 0, only)) !== undefined) return ['unclear', by]
    return (await this.#repeat(filepath, number, only)) === undefined ? ['survived', by] : ['killed', by]
  }

  /** @returns {Promise<string | undefined>} the test that failed */
  async #repeat(filepath, active, only) {
    const { evaluatedModules } = this.workerState
    for (const [path, module] of evaluatedModules.idToModuleMap)
      if (path.includes('/test/')) evaluatedModules.invalidateModule(module)
    activate(active)
    this.#begin(only)
    const files = await startTests([{ filepath }], this)
    await new Promise(setImmediate)
    activate(0)
    vi.resetConfig()
    vi.restoreAllMocks()
    vi.useRealTimers()
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
    return this.#end(files)
  }

  #begin(only) {
    takeReached()
    this.#only = only && new Set(only)
    this.#failure = undefined
    this.#cases = {}
    this.#outside = new Set()
    state.unhandled = undefined
  }

  #end(files) {
    this.#keepOutside()
    return this.#failure ?? state.unhandled ?? (files.some(hasFailed) ? 'no test' : undefined)
  }

  #keepOutside() {
    for (const number of takeReached()) this.#outside.add(number)
  }
}

function activate(number) {
  Object.assign(state, { active: number, count: 0 })
  writeFileSync(join(folder, 'active'), String(number))
}

/** The mutants that were reached since the last call, in this process or in those that tests started. */
function takeReached() {
  const path = join(folder, 'reached')
  const elsewhere = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map(Number) : []
  rmSync(path, { force: true })
  const found = new Set([...state.reached, ...elsewhere])
  state.reached.clear()
  return found
}

function startClock() {
  const [cpu, time] = [process.cpuUsage(), performance.now()]
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    // Mainly CPU time, which is the same on a busy machine, but waiting and other processes are not free.
    return Math.max((user + system) / 1000, (performance.now() - time) / 5)
  }
}

function secondsOf(cases) {
  return cases.reduce((sum, each) => sum + each[1].ms, 20) / 1000
}

function cheapest(cases, seconds) {
  const sorted = [...cases].sort((a, b) => a[1].ms - b[1].ms)
  return sorted.filter((_, index) => secondsOf(sorted.slice(0, index + 1)) <= seconds)
}

function nameOf({ name, suite }) {
  return suite ? `${nameOf(suite)} > ${name}` : name
}

function hasFailed({ result, tasks = [] }) {
  return result?.state === 'fail' || tasks.some(hasFailed)
}
