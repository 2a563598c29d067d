import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openApi, startAuthServer } from './examples/parties.mjs'
import { checks } from './examples/programs.mjs'
import { endAll } from './examples/run-program.mjs'
import { notThere } from './examples/stage.mjs'

/**
 * Compiles the programs in examples/ and runs each as a separate process, with an auth server, an API and users on this machine. Prints
 * what each must do, and counts like the tests: passed, failed, and skipped because this machine lacks a program.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const examples = join(root, 'examples')
const dist = join(examples, 'dist')

/** The maximum number of lines of an example. */
const mostLines = 60

function compile() {
  rmSync(dist, { recursive: true, force: true })
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', examples], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the examples do not compile:\n${stdout}`)
}

/** Checks that every program is short, and is run. */
function requireShortAndRun() {
  const programs = readdirSync(examples, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      /\.(?:ts|py|mjs|json|conf)$/.test(path) &&
      !/(?:^|\/)(?:tsconfig|package|package-lock)\.json$/.test(path) &&
      !/^dist|node_modules/.test(path),
  )
  const run = checks.flatMap(({ files }) => files)
  for (const path of programs) {
    const lines = readFileSync(join(examples, path), 'utf8').split('\n').length - 1
    if (lines >= mostLines)
      throw new Error(`examples/${path} has ${lines} lines, but must have fewer than ${mostLines}`)
    if (!run.includes(path)) throw new Error(`examples/${path} is not run by scripts/examples/programs.mjs`)
  }
}

/** Time limit for one check, in milliseconds. */
const limit = 240_000

async function within(work) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${limit / 1000} s`)), limit)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

async function runCheck({ name, files, run }, shared) {
  const cwd = mkdtempSync(join(shared.folder, 'example-'))
  const closers = []
  const began = Date.now()
  let outcome = 'passed'
  let why = ''
  try {
    if ((await within(run({ ...shared, cwd, closers }))) === notThere) outcome = 'not there'
  } catch (error) {
    outcome = 'failed'
    why = `\n${error.stack}`
  }
  for (const close of closers) close()
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  process.stdout.write(`${outcome}: ${files.join(', ')}: ${name} (${seconds} s)${why}\n`)
  return outcome
}

/** In the format in which the tests are counted. */
function report(outcomes) {
  const count = (outcome) => outcomes.filter((each) => each === outcome).length
  const counts = {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    // Checks that this machine cannot run are listed above; no other check was skipped.
    numPendingTests: 0,
    testResults: [],
  }
  mkdirSync(join(root, '.reports'), { recursive: true })
  writeFileSync(join(root, '.reports', 'examples.json'), JSON.stringify(counts))
  process.stdout.write(
    `${counts.numPassedTests} passed, ${counts.numFailedTests} failed, ${count('not there')} not there\n`,
  )
  process.exitCode = counts.numFailedTests === 0 ? 0 : 1
}

const wanted = process.argv.slice(2)
const chosen = checks.filter(({ files }) => wanted.length === 0 || files.some((file) => wanted.includes(file)))
const folder = mkdtempSync(join(tmpdir(), 'countersign-examples-'))

// Nothing is left running, however this script ends.
process.on('exit', () => {
  endAll()
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))

async function runAll() {
  requireShortAndRun()
  compile()
  const authServer = await startAuthServer(root, folder)
  const api = await openApi(authServer)
  const shared = { root, examples, dist, folder, authServer, api }
  const outcomes = []
  for (const check of chosen) outcomes.push(await runCheck(check, shared))
  return outcomes
}

try {
  report(await runAll())
} catch (error) {
  process.stderr.write(`${error.stack}\n`)
  report(['failed'])
}
process.exit()
