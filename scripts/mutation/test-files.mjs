import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Tests that are not used for mutations, because they start browsers, machines or programs, measure time, or test this program itself. */
const skipped = [
  /\.browser\.test\./,
  /timing|hostile-text|head-cost/,
  /^test\//,
  /^packages\/cli\/test\/(?!gateway)/,
  /^packages\/server\/test\/(?:faults|operators|logos\/(?:images|re-encode))\//,
  /^packages\/server\/test\/(?:allowing-rate|overload|storage\/(?:growth|long))/,
  /^packages\/server\/test\/editions\/(?:oauth\/clients|draft-11\/peers)\//,
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
