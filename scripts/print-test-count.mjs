import { readFileSync } from 'node:fs'

/** The sum over all reports. */
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const path of process.argv.slice(2)) {
  const report = JSON.parse(readFileSync(path, 'utf8'))
  // A suite that failed to load counts as a failure; otherwise it would vanish from the sum.
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length
  sum.passed += report.numPassedTests
  sum.failed += report.numFailedTests + unloaded
  sum.skipped += report.numPendingTests + (report.numTodoTests ?? 0)
}
const counts = `${sum.passed} passed, ${sum.failed} failed`
process.stdout.write(sum.skipped > 0 ? `${counts}, ${sum.skipped} skipped\n` : `${counts}\n`)
