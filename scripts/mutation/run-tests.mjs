import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/**
 * Runs test files of a checkout in one Vitest process, one after the other, with the lowest priority.
 *
 * @param {string} root
 * @param {readonly string[]} tests paths relative to `root`
 * @param {{ limit: () => { progress: number, seconds: number }, options?: readonly string[], env: Record<string, string> }} bounds all
 * processes are killed if `progress` stays the same for `seconds`, in which this process runs: while it is suspended, no time passes
 * @returns {Promise<{ outcome: 'passed' | 'failed' | 'timeout', files: { test: string, passed: boolean, seconds: number }[] }>}
 */
export async function runTests(root, tests, { limit, options = [], env }) {
  const report = join(root, 'report.json')
  rmSync(report, { force: true })
  const program = join(root, 'node_modules/vitest/vitest.mjs')
  const config = ['--config', 'scripts/mutation/vitest.config.ts', '--no-color']
  const reported = ['--reporter=json', `--outputFile=${report}`, ...config]
  const child = spawn('nice', ['-n', '19', process.execPath, program, 'run', ...reported, ...options, ...tests], {
    cwd: root,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
  let wasLate = false
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
  let [waited, reached] = [0, 0]
  const timer = setInterval(() => {
    const { progress, seconds } = limit()
    waited = progress === reached ? waited + 0.5 : 0
    reached = progress
    wasLate ||= waited > seconds
    if (wasLate) end()
  }, 500)
  process.once('exit', end)
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearInterval(timer)
  process.off('exit', end)
  // Programs that the tests started and did not stop.
  end()
  if (wasLate) return { outcome: 'timeout', files: [] }
  return { outcome: status === 0 ? 'passed' : 'failed', files: filesOf(root, report) }
}

function filesOf(root, report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults.map(({ name, status, startTime, endTime }) => ({
      test: relative(root, name),
      passed: status === 'passed',
      seconds: Math.max(0, endTime - startTime) / 1000,
    }))
  } catch (error) {
    // A process that crashed has written no report.
    if (error.code === 'ENOENT') return []
    throw error
  }
}
