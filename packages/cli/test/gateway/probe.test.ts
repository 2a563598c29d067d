import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { runInProcess } from '../run-program.js'
import { configure } from './configuration.js'

const strict = { method: 'GET', require: 'signature' } as const
const routes = [
  { ...strict, path: '/admin/users' },
  { ...strict, path: '/users/{id}' },
  { method: 'GET', path: '/*', require: 'none', fallback: true },
]

/** Runs the probe of a configuration against an API. */
async function probe(api: RequestListener, change: object = {}, ...flags: string[]) {
  const { file } = await configure((_, outgoing) => outgoing.end(), { routes, ...change })
  const upstream = `http://127.0.0.1:${await listenWith(createServer(api))}`
  const { stdout, stderr, status } = await runInProcess(
    'gateway',
    'probe',
    '--config',
    file,
    '--upstream',
    upstream,
    ...flags,
  )
  return { status, stderr, stdout: stdout.replaceAll(upstream, 'http://127.0.0.1:1') }
}

/** Serves two paths, compared verbatim. */
function respond(path: string, outgoing: ServerResponse): void {
  const isFound = ['/admin/users', '/users/7'].includes(path)
  outgoing.writeHead(isFound ? 200 : 404, { 'content-type': 'text/plain' }).end(isFound ? 'found' : 'missing')
}

const exact: RequestListener = ({ url = '' }, outgoing) => respond(url.split('?', 1)[0] ?? '', outgoing)

/** As in CodeIgniter: the query is the path. */
const queried: RequestListener = (incoming, outgoing) => {
  const { pathname, search } = new URL(incoming.url ?? '/', 'http://api.example')
  const path = /^\?(?:r=)?\/?(admin\/users)$/.exec(search)?.[1] ?? pathname.slice(1)
  respond(`/${path}`, outgoing)
}

const lenient = express().get('/admin/users', (_, response) => void response.send('users'))

describe('countersign gateway probe', () => {
  it('reports the spellings that an API accepts, and how the gateway handles them, in 80 columns', async () => {
    const { status, stdout } = await probe(lenient, {})
    expect(stdout).toMatch(
      /^GET \/admin\/users, as \/admin\/users: 200\n {2}runs \/ADMIN\/USERS +refused by the gateway\n/m,
    )
    expect(stdout).toMatch(/^ {2}runs \/admin\/users\/ +refused by the gateway$/m)
    expect(stdout).toMatch(/^ {2}yes {2}ignores case$/m)
    expect(stdout).toMatch(/^ {2}no {3}ignores extensions such as \.json$/m)
    expect(stdout).toMatch(/^GET \/users\/\{id\}, as \/users\/1: 404\n {2}not compared/m)
    expect(stdout).toMatch(/The configuration matches the API\.\n$/)
    expect(status).toBe(0)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('reports no spelling for an API that compares paths verbatim', async () => {
    const { status, stdout } = await probe(exact, {}, '--param', 'id=7', '--param', '*=admin/users', '--json')
    const report = JSON.parse(stdout) as { routes: { isComparable: boolean; runs: object[] }[]; problems: string[] }
    expect(report.routes.map(({ isComparable, runs }) => [isComparable, runs.length])).toEqual([
      [true, 0],
      [true, 0],
      [true, 0],
    ])
    expect([status, report.problems]).toEqual([0, []])
  })

  it('reports an API that decodes %2F before matching the path', async () => {
    const decoding: RequestListener = ({ url = '' }, outgoing) => respond(url.replace('%2F', '/'), outgoing)
    const { stdout } = await probe(decoding)
    expect(stdout).toMatch(/^ {2}runs \/admin%2Fusers +refused by the gateway$/m)
    expect(stdout).toMatch(/^ {2}yes {2}decodes %2F before matching the path$/m)
  })

  it('names behavior that is declared but not shown by the API, and the reverse', async () => {
    const kept = [{ ...strict, path: '/admin/users', case: 'kept' }, routes[2]]
    expect(await probe(lenient, { routes: kept })).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/declares case: "kept", but the\s+API also handles \/ADMIN\/USERS\./) as string,
    })
    const { status, stdout } = await probe(queried)
    expect(stdout).toMatch(/Set frontController to true: the API handles \/\?admin\/users\./)
    expect(status).toBe(1)
    expect(await probe(queried, { frontController: true })).toMatchObject({ status: 0 })
  })

  it('probes an invalid route table, and names its collisions', async () => {
    const colliding = [...routes, { method: 'GET', path: '/admin/users.json', require: 'none' }]
    expect(await probe(exact, { routes: colliding })).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/ {2}no {3}ignores extensions[\s\S]*endings: 'kept'/) as string,
    })
  })

  it('needs a responding test copy of the API, or a flag for the configured one', async () => {
    const { file } = await configure(exact, { routes })
    const run = (...flags: string[]) => runInProcess('gateway', 'probe', '--config', file, ...flags)
    expect(await run()).toMatchObject({ status: 2, stderr: expect.stringMatching(/a test copy of the API/) as string })
    expect(await run('--configured-upstream')).toMatchObject({ status: 0 })
    expect(await run('--upstream', 'http://127.0.0.1:1')).toMatchObject({ status: 3 })
    expect(await run('--upstream', 'ftp://x')).toMatchObject({ status: 2 })
    expect(await run('--configured-upstream', '--param', 'id')).toMatchObject({ status: 2 })
  })
})
