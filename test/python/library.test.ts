import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { has, python } from '../needs.js'

interface Outcome {
  name: string
  /** The traceback; null if the test passed. */
  wrong: string | null
}

const runnable = has('Python with cryptography')

/** Runs the library's own tests, among them one or two for each published vector. */
function runTests(): { outcomes: Outcome[]; status: number | null; errors: string } {
  const { stdout, stderr, status } = spawnSync(python, ['-m', 'tests.report'], {
    cwd: new URL('../../python', import.meta.url),
    encoding: 'utf8',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 2 ** 26,
  })
  const outcomes = stdout.split('\n').filter((line) => line !== '')
  return { outcomes: outcomes.map((line) => JSON.parse(line) as Outcome), status, errors: stderr }
}

const { outcomes, status, errors } = runnable ? runTests() : { outcomes: [], status: null, errors: '' }

describe.skipIf(!runnable)('the Python library', () => {
  it('runs all of its tests', () => {
    expect(errors).toBe('')
    expect(outcomes.filter(({ name }) => name.startsWith('test_vectors.SignatureVectors')).length).toBe(2 * 92)
    expect(new Set(outcomes.map(({ name }) => name.split('.')[0]))).toEqual(
      new Set(['test_agent', 'test_fetch', 'test_parts', 'test_requests', 'test_vectors']),
    )
    expect(status).toBe(outcomes.some(({ wrong }) => wrong !== null) ? 1 : 0)
  })

  it.each(outcomes)('$name', ({ wrong }) => {
    expect(wrong).toBeNull()
  })
})
