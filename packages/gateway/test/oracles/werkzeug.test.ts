import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe } from 'vitest'
import { has, python } from '../../../../test/needs.js'
import { describeOracle } from './describe-oracle.js'
import { documents } from './known-tables.js'
import { type MountedSegment, mountedRows, writtenPath } from './mounted-rows.js'
import type { RouterUnderTest } from './router-under-test.js'

const worker = fileURLToPath(new URL('werkzeug-worker.py', import.meta.url))

let child: ChildProcessWithoutNullStreams | undefined
const waiting: ((line: string) => void)[] = []
afterAll(() => void child?.kill())

/** Sends a line to the worker, and returns its reply. */
function ask(line: string): Promise<string> {
  if (!child) {
    child = spawn(python, [worker])
    child.stderr.pipe(process.stderr)
    createInterface(child.stdout).on('line', (reply) => waiting.shift()?.(reply))
  }
  child.stdin.write(`${line}\n`)
  return new Promise((resolve) => waiting.push(resolve))
}

const segment = ({ before, parameter, after }: MountedSegment) => `${before}<${parameter}>${after}`

function werkzeugRouter(name: string, options: object): RouterUnderTest {
  const mount: RouterUnderTest['mount'] = async (routes) => {
    const rules = mountedRows(routes).flatMap((mounted) => {
      const { methods, row, open } = mounted
      const rests = open ? ['/', '/<path:rest>'] : ['']
      return rests.map((rest) => ({ path: writtenPath(mounted, { segment, rest }), methods, row }))
    })
    return async (requests) => {
      const rows = JSON.parse(await ask(JSON.stringify({ rules, options, requests }))) as (number | null)[] | null
      return rows?.map((row) => (row === null ? [] : [{ row }]))
    }
  }
  return { name, decodes: true, mount }
}

describe.skipIf(!has('Python with werkzeug'))('with python3-werkzeug', () => {
  // G51
  describeOracle('Werkzeug', {
    routers: [
      werkzeugRouter('Werkzeug', {}),
      werkzeugRouter('Werkzeug, not strict', { strict_slashes: false }),
      werkzeugRouter('Werkzeug, lenient', { strict_slashes: false, merge_slashes: false }),
    ],
    known: [
      { finding: '; in a name', router: 'Werkzeug', routes: documents, runs: 1, targets: ['/7.pdf;', '/7.pdf;x.png'] },
    ],
  })
})
