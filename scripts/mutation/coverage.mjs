import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashOf } from './checkout-copy.mjs'
import { runTests } from './run-tests.mjs'

/** Tests that are not used for mutations, because they start browsers, machines or programs, measure time, or test this program itself. */
const skipped = [
  /\.browser\.test\./,
  /timing|hostile-text/,
  /^test\//,
  /^packages\/cli\/test\/(?!gateway)/,
  /^packages\/server\/test\/(?:faults|operators|logos\/(?:images|re-encode))\//,
  /^packages\/server\/test\/(?:allowing-rate|overload|storage\/(?:growth|long))/,
]

/**
 * @param {readonly string[]} prefixes of paths from the root; empty: all
 * @returns {string[]} the test files that mutations are tried with, relative to the root of a checkout
 */
export function testFiles(root, prefixes) {
  const found = ['countersign', 'server', 'gateway', 'cli'].flatMap((name) =>
    readdirSync(join(root, 'packages', name, 'test'), { recursive: true, encoding: 'utf8' }).map(
      (path) => `packages/${name}/test/${path}`,
    ),
  )
  const isWanted = (path) => prefixes.length === 0 || prefixes.some((prefix) => path.startsWith(prefix))
  const isTest = (path) => /\.test\.tsx?$/.test(path) && !skipped.some((pattern) => pattern.test(path))
  return found.filter((path) => isTest(path) && isWanted(path)).sort()
}

/**
 * The positions of the built files that each test file runs. The map is saved; test files that it already contains are not run again, and
 * those that fail without a mutation are left out.
 *
 * @param {string} root of a copy of the checkout
 * @param {string} path of the saved map
 * @param {{ files: readonly string[], tests: readonly string[], seconds: number, log: (line: string) => void }} options `tests` to measure;
 * `seconds` for each batch of them
 * @returns {Promise<import('./choose-tests.mjs').CoverageMap>}
 */
export async function readCoverage(root, path, { files, tests, seconds, log }) {
  const hashes = Object.fromEntries(
    files.map((file) => [file, hashOf(readFileSync(join(root, 'packages', file), 'utf8'))]),
  )
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { hashes, tests: {}, failed: {} }
  const known = new Set([...Object.keys(kept.tests), ...Object.keys(kept.failed)])
  const missing = tests.filter((test) => !known.has(test))
  // If these files have changed, later additions to the map were measured with different files.
  const isCurrent = known.size === 0 || JSON.stringify(kept.hashes) === JSON.stringify(hashes)
  if (!isCurrent) {
    log(
      `built files have changed since the coverage map was created: for these, ${path} is used per file instead of per position`,
    )
    return kept
  }
  const batch = 12
  for (let at = 0; at < missing.length; at += batch) {
    log(`coverage: ${at} of ${missing.length} test files`)
    await measure(root, missing.slice(at, at + batch), kept, seconds)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(`${path}.new`, JSON.stringify(kept))
    renameSync(`${path}.new`, path)
  }
  return kept
}

async function measure(root, tests, map, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'coverage-'))
  try {
    const { outcome, files } = await runTests(root, tests, {
      seconds,
      env: { COVERAGE_ROOT: root, COVERAGE_FOLDER: folder },
    })
    for (const test of tests) {
      const { passed = false, seconds: spent = 0 } = files.find((each) => each.test === test) ?? {}
      const report = join(folder, `${test.replaceAll('/', '+')}.json`)
      if (passed && existsSync(report))
        map.tests[test] = { seconds: spent, files: JSON.parse(readFileSync(report, 'utf8')).files }
      else map.failed[test] = outcome
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
