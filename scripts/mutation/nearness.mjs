import { basename, dirname } from 'node:path'

/**
 * Sorts the test files for a mutation: first those that are named after its file, then those in its own test folder, then fast ones.
 *
 * @template {{ test: string, seconds: number }} T
 * @param {string} file
 * @param {readonly T[]} tests
 * @returns {T[]}
 */
export function nearestFirst(file, tests) {
  return [...tests].sort((a, b) => distanceOf(a.test, file) - distanceOf(b.test, file) || a.seconds - b.seconds)
}

/** @returns {0 | 1 | 2} 0 if a test file is named after a built file, 1 if it is in the folder for its tests, 2 otherwise */
export function distanceOf(test, file) {
  if (isNamedAfter(test, file)) return 0
  return isInFolderOf(test, file) ? 1 : 2
}

function isInFolderOf(test, file) {
  return dirname(test) === dirname(`packages/${file.replace('/dist/', '/test/')}`)
}

function isNamedAfter(test, file) {
  const folders = file.replace('/dist/', '/test/').replace(/\.js$/, '')
  // A file for one platform, such as `guarded-fetch.node.js`, has the test of its module.
  return test.startsWith(`packages/${folders}.`) || basename(test).split('.')[0] === basename(file).split('.')[0]
}
