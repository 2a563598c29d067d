// Runs before each test file, in its process: coverage is counted from here on, for that file alone.
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'
import { coveredRanges } from './covered-ranges.mjs'

const key = Symbol.for('mutation coverage')
const { COVERAGE_ROOT: root, COVERAGE_FOLDER: folder } = process.env

function post(session, method, parameters) {
  let outcome
  session.post(method, parameters, (error, result) => {
    if (error) throw error
    outcome = result
  })
  return outcome
}

// One session for all test files that share the process.
globalThis[key] ??= new Session()
const session = globalThis[key]
if (!session.started) {
  session.connect()
  session.started = true
  post(session, 'Profiler.enable')
  post(session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: true })
}
post(session, 'Profiler.takePreciseCoverage')

afterAll(() => {
  const files = {}
  for (const { url, functions } of post(session, 'Profiler.takePreciseCoverage').result) {
    const [, file] = /\/packages\/((?:countersign|gateway|server)\/dist\/.*\.js)$/.exec(url) ?? []
    if (file === undefined || !fileURLToPath(url).startsWith(root)) continue
    const ranges = coveredRanges(functions)
    if (ranges.length > 0) files[file] = ranges
  }
  const test = expect.getState().testPath.slice(root.length + 1)
  writeFileSync(join(folder, `${test.replaceAll('/', '+')}.json`), JSON.stringify({ test, files }))
})
