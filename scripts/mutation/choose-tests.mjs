import { basename, dirname } from 'node:path'

/**
 * @typedef {object} CoverageMap
 * @property {Record<string, string>} hashes of the built files, as they were when the map was created
 * @property {Record<string, { seconds: number, files: Record<string, number[]> }>} tests by test file: its duration, and for each built
 * file the positions that it ran, as pairs of start and end
 */

/**
 * The test files for one mutation, nearest first: those that are named after the file and fast, even if they are newer than the map; those that run
 * the position, starting with those in the file's own test folder; those in this folder that may run it, because they or the file are newer than
 * the map; those that run the same file; and those that run a file that imports it. Code that is evaluated when a module is loaded, such as a
 * table, has no test files by position: it runs once per process, for the first test file.
 *
 * @param {CoverageMap} map
 * @param {{ file: string, start: number, hash: string, inFunction: boolean }} mutation
 * @param {Record<string, readonly string[]>} importers for each built file, the files that import it
 * @param {readonly string[]} testFiles the test files to choose from
 * @returns {{ test: string, seconds: number, reach: 'name' | 'position' | 'folder' | 'file' | 'importer' }[]}
 */
export function chooseTests(map, { file, start, hash, inFunction }, importers, testFiles) {
  const isKnown = inFunction && map.hashes[file] === hash
  const measured = testFiles.filter((test) => test in map.tests)
  const secondsOf = (test) => map.tests[test]?.seconds ?? 5
  const named = testFiles.filter((test) => isNamedAfter(test, file) && secondsOf(test) <= slow)
  const chosen = new Map(named.map((test) => [test, { test, seconds: secondsOf(test), reach: 'name' }]))
  const add = (reach, runs) => {
    const fitting = measured.filter((test) => !chosen.has(test) && runs(map.tests[test].files))
    const near = fitting.map((test) => ({
      distance: distanceOf(test, file, map.tests[test]),
      entry: { test, seconds: map.tests[test].seconds, reach },
    }))
    near.sort((a, b) => a.distance - b.distance || (a.entry.test < b.entry.test ? -1 : 1))
    for (const { entry } of near) chosen.set(entry.test, entry)
  }
  add('position', (files) => file in files && (!isKnown || isWithin(start, files[file])))
  const isNew = (test) => !(file in map.hashes) || !(test in map.tests)
  for (const test of testFiles.filter((each) => !chosen.has(each) && isInFolderOf(each, file) && isNew(each)))
    chosen.set(test, { test, seconds: secondsOf(test), reach: 'folder' })
  add('file', (files) => file in files)
  const closest = importersWithTests(map, file, importers)
  add('importer', (files) => closest.some((importer) => importer in files))
  return [...chosen.values()]
}

/** In seconds: a test that takes longer does not run first, even if it is named after the file, so that there is time for others. */
const slow = 20

/** Sorts tests first that are in the file's own test folder, and then those that run few other files, belong to its package and take little time. */
function distanceOf(test, file, { files, seconds }) {
  const [, ownPackage] = test.split('/')
  const others = Object.keys(files).length + (file.startsWith(`${ownPackage}/`) ? 0 : 100)
  return others * (1 + seconds / 10) * (isInFolderOf(test, file) ? 0.01 : 1)
}

function isInFolderOf(test, file) {
  return dirname(test) === dirname(`packages/${file.replace('/dist/', '/test/')}`)
}

function isNamedAfter(test, file) {
  const folders = file.replace('/dist/', '/test/').replace(/\.js$/, '')
  // A file for one platform, such as `guarded-fetch.node.js`, has the test of its module.
  return test.startsWith(`packages/${folders}.`) || basename(test).split('.')[0] === basename(file).split('.')[0]
}

function isWithin(position, ranges) {
  for (let at = 0; at < ranges.length; at += 2) if (ranges[at] <= position && position < ranges[at + 1]) return true
  return false
}

/** Up to three imports away, because no test runs a file that contains only types and tables. */
function importersWithTests({ tests }, file, importers) {
  let level = [file]
  for (let distance = 0; distance < 3; distance++) {
    level = [...new Set(level.flatMap((each) => importers[each] ?? []))]
    const run = level.filter((each) => Object.values(tests).some(({ files }) => each in files))
    if (run.length > 0) return run
  }
  return []
}

/**
 * Splits the tests for a mutation into runs: a short one of the nearest tests, which most mutations do not survive, and longer ones, as far
 * as the time allows. The nearest test always runs, and so do all that run the position if they take at most twice the time together.
 *
 * @param {{ test: string, seconds: number, reach?: string }[]} chosen nearest first
 * @param {number} seconds for all runs together
 * @returns {{ runs: { test: string, seconds: number }[][], left: number }} `left`: the number of tests for which there is not enough time
 */
export function planRuns(chosen, seconds) {
  const limits = [seconds / 20, seconds / 6, seconds / 2, 2 * seconds]
  const nearest = chosen.filter(({ reach }) => reach === 'name' || reach === 'position')
  const needed = nearest.reduce((sum, each) => sum + each.seconds, 0)
  const most = needed <= 2 * seconds ? Math.max(seconds, needed) : seconds
  const runs = [[]]
  let [spent, left] = [0, 0]
  for (const each of chosen) {
    if (spent + each.seconds > most && spent > 0) {
      left++
      continue
    }
    if (spent + each.seconds > limits[runs.length - 1] && runs.at(-1).length > 0) runs.push([])
    runs.at(-1).push(each)
    spent += each.seconds
  }
  return { runs: runs.filter((run) => run.length > 0), left }
}
