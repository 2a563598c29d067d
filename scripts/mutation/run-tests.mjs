import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/** In bytes, of all processes of a run: an endless loop can fill a machine's memory long before it is late. */
const mostMemory = 6 * 2 ** 30

/**
 * Runs test files of a checkout in one Vitest process, one after the other, with the lowest priority.
 *
 * @param {string} root
 * @param {readonly string[]} tests paths relative to `root`
 * @param {{ limit: () => { progress: number, seconds: number }, options?: readonly string[], env: Record<string, string> }} bounds all
 * processes are killed if `progress` stays the same for `seconds`, in which this process runs: while it is suspended, no time passes. They
 * are also killed if they use too much memory, which counts as a timeout (Linux only)
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
    wasLate ||= waited > seconds || memoryOf(child.pid) > mostMemory
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

/** In bytes: what the processes of a group use, or 0 if the system does not tell. */
function memoryOf(group) {
  if (process.platform !== 'linux') return 0
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.reduce((sum, id) => {
    const [, , ownGroup, ...rest] = statOf(id)
    return Number(ownGroup) === group ? sum + Number(rest[18]) * 4096 : sum
  }, 0)
}

/** The fields after the name of the program. */
function statOf(id) {
  try {
    return readFileSync(`/proc/${id}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
  } catch {
    // The process has ended.
    return []
  }
}
