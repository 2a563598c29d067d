import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { has } from '../../../../test/needs.js'
import { describeOracle } from './describe-oracle.js'
import { home, index, open, root, site, suffixed } from './known-tables.js'
import { type MountedRow, type MountedSegment, mountedRows, writtenPath } from './mounted-rows.js'
import type { Ran, RouterUnderTest, TriedRequest } from './router-under-test.js'

let port = 0
let server: ChildProcess | undefined
const folder = mkdtempSync(join(tmpdir(), 'oracle-'))

async function startPhp(): Promise<void> {
  for (const name of ['index.php', 'x.php'])
    copyFileSync(fileURLToPath(new URL('front-controller.php', import.meta.url)), join(folder, name))
  port = await freePort()
  const env = { ...process.env, PHP_CLI_SERVER_WORKERS: '4' }
  server = spawn('php', ['-n', '-S', `127.0.0.1:${port}`, '-t', folder], { stdio: 'ignore', env })
  for (let attempt = 0; attempt < 400; attempt++) {
    const isUp = await runOne({ method: 'GET', target: '/' }, '').then(
      () => true,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('PHP does not start')
}

const escaped = (text: string) => text.replaceAll(/[.\-+*?^$()[\]{}|\\/#]/g, String.raw`\$&`)
const segment = ({ before, after }: MountedSegment) => `${escaped(before)}[^/]+${escaped(after)}`

/** A route as a regular expression, as Symfony's and Slim's routers create it. */
function writtenRow(mounted: MountedRow): object {
  const { row, methods, segments } = mounted
  const literals = segments.map((each) =>
    each.parameter === undefined ? { ...each, before: escaped(each.before) } : each,
  )
  const path = writtenPath({ ...mounted, segments: literals }, { segment, rest: '(/.*)?' })
  const [first] = segments
  return {
    row,
    methods,
    literal: !!first && first.parameter === undefined && first.before !== '',
    path: `#^${path}$#sD`,
  }
}

function runOne({ method, target }: TriedRequest, api: string): Promise<readonly Ran[]> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-Oracle-Api': api, Connection: 'close' }
    const asked = request({ host: '127.0.0.1', port, method, path: target, headers, agent: false }, (response) => {
      response.resume().once('error', reject)
      const ran = response.headers['x-oracle-ran']
      resolve(ran === undefined ? [] : (JSON.parse(String(ran)) as Ran[]))
    })
    asked.once('error', reject).end()
  })
}

const php: RouterUnderTest = {
  name: 'PHP',
  ignoresIndex: true,
  decodes: true,
  mount: async (routes, frontController) => {
    const own = /(?:^|\/)(?:index|x)\.php(?:\/|$)/i
    if (routes.some(({ path }) => own.test(path))) throw new Error('A front controller must not be a path of the table')
    const api = Buffer.from(JSON.stringify({ frontController, rows: mountedRows(routes).map(writtenRow) })).toString(
      'base64',
    )
    return async (requests) => {
      const ran: (readonly Ran[])[] = []
      for (let at = 0; at < requests.length; at += 4)
        ran.push(...(await Promise.all(requests.slice(at, at + 4).map((each) => runOne(each, api)))))
      return ran
    }
  },
}

describe.skipIf(!has('php'))('with PHP', () => {
  beforeAll(startPhp)
  afterAll(() => {
    server?.kill()
    rmSync(folder, { recursive: true })
  })

  // G51
  describeOracle('PHP', {
    routers: [php],
    known: [
      {
        finding: 'a path appended to a script',
        router: 'PHP',
        routes: site,
        runs: 1,
        targets: ['/index.php/admin', '/x.php/admin'],
      },
      {
        finding: 'a path appended to a script',
        router: 'PHP',
        routes: site,
        runs: 2,
        targets: ['/index.php/admin/users'],
      },
      {
        finding: 'a path in the query',
        router: 'PHP',
        routes: root,
        runs: 1,
        targets: ['/?/admin/users', '/?/admin/users?x=1', '/?r=/admin/users'],
      },
      {
        finding: 'a path in rest_route',
        router: 'PHP',
        routes: root,
        runs: 2,
        targets: ['/?rest_route=/users', '/?rest.route=/users'],
      },
      {
        finding: 'a path in any parameter',
        router: 'PHP',
        routes: root,
        frontController: true,
        runs: 1,
        targets: ['/?r=admin/users', '/?q=admin', '/?x=1&_url=admin/'],
      },
      { finding: 'G15', router: 'PHP', routes: index, runs: 1, targets: ['/x.php/', '/index.php/'] },
      { finding: 'G15', router: 'PHP', routes: suffixed, runs: 0, targets: ['/x.php/x.pdf-x'] },
      { finding: 'G48', router: 'PHP', routes: home, frontController: true, runs: 1, targets: ['/?s=index.html'] },
      {
        finding: 'an MCP server below a script',
        router: 'PHP',
        routes: open,
        runs: 1,
        mcp: '/mcp',
        targets: ['/index.php/mcp', '/x.php/mcp'],
      },
    ],
  })
})
