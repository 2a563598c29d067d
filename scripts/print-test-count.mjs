import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const skipped = report.numPendingTests + (report.numTodoTests ?? 0)
// A suite that could not even be loaded counts as a failure, or it would vanish from the sum.
const unloaded = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
).length
const counts = `${report.numPassedTests} passed, ${report.numFailedTests + unloaded} failed`
process.stdout.write(skipped > 0 ? `${counts}, ${skipped} skipped\n` : `${counts}\n`)
