import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { statusForHost } from '../../../../test/status-for-host.js'
import { type Running, startCommand } from '../run-command.js'
import { runInProcess, startProgram } from '../run-program.js'
import { configure } from './configuration.js'

const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { event: string; role?: string; level: string })

it('logs its requests, and exposes Prometheus metrics on a separate port, without tokens or queries', async () => {
  const { file, id, adminPort } = await configure((incoming, outgoing) =>
    incoming.url === '/open/broken' ? outgoing.destroy() : outgoing.end('done'),
  )
  const running = startProgram(['gateway', 'start', '--config', file])
  await running.seen(/Protecting /)
  const ask = async (path: string) => (await fetch(`${id}${path}`, { headers: { connection: 'close' } })).status
  expect(await ask('/open/1?token=secret')).toBe(200)
  expect(await ask('/open/broken')).toBe(502)
  expect(await ask('/events/1')).toBe(401)
  expect(await ask('/metrics')).toBe(404)
  expect(await ask('/healthz')).toBe(404)
  const look = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`)
    return `${response.status} ${await response.text()}`
  }
  expect(await look('/healthz')).toBe('200 alive\n')
  expect(await look('/readyz')).toBe('200 ready\n')
  expect(await statusForHost(adminPort, '/metrics', `localhost:${adminPort}`)).toBe(200)
  expect(await statusForHost(adminPort, '/metrics', `rebound.example:${adminPort}`)).toBe(421)
  const metrics = await look('/metrics')
  expect(metrics).toContain('countersign_requests_total{role="gateway",route="GET /open/*",outcome="ok"} 1\n')
  expect(metrics).toContain('countersign_requests_total{role="gateway",route="other",outcome="not_found"} 2\n')
  expect(metrics).toContain('countersign_upstream_total{route="GET /open/*",outcome="reset"} 1\n')
  expect(metrics).toContain('nodejs_eventloop_lag_p99_seconds')
  const { status, stdout } = await running.stop()
  expect(status).toBe(0)
  const lines = linesOf(stdout)
  expect(lines[0]).toMatchObject({ level: 'info', event: 'started', id, adminPort })
  expect(lines.filter(({ event }) => event === 'request')).toMatchObject([
    { role: 'gateway', route: 'GET /open/*', outcome: 'ok', status: 200, path: '/open/1' },
    { role: 'gateway', route: 'GET /open/*', outcome: 'upstream_failed', status: 502 },
    { role: 'gateway', route: 'GET /events/*', outcome: 'signature_missing', status: 401 },
    { role: 'gateway', route: 'other', outcome: 'not_found' },
    { role: 'gateway', route: 'other', outcome: 'not_found' },
  ])
  expect(lines.filter(({ event }) => event === 'refusal')).toMatchObject([
    { role: 'resource', code: 'signature_missing' },
    { role: 'gateway', code: 'not_found' },
    { role: 'gateway', code: 'not_found' },
  ])
  expect(lines.filter(({ event }) => event === 'upstream')).toMatchObject([{ level: 'warn', outcome: 'reset' }])
  expect(lines.slice(-2)).toMatchObject([{ event: 'stopping', signal: 'SIGTERM' }, { event: 'stopped' }])
  expect(stdout).not.toContain('secret')
})

it('exposes whether its configuration could be reloaded as a metric', async () => {
  const { file, adminPort, settings } = await configure(() => undefined)
  const running = startProgram(['gateway', 'start', '--config', file])
  await running.seen(/Protecting /)
  const isOk = async () =>
    /^countersign_config_ok (\d)$/m.exec(await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text())?.[1]
  expect(await isOk()).toBe('1')
  writeFileSync(file, '{')
  await expect.poll(isOk).toBe('0')
  writeFileSync(file, JSON.stringify(settings))
  await expect.poll(isOk).toBe('1')
  expect((await running.stop()).status).toBe(0)
})

it('validates the settings of its admin port', async () => {
  const api = () => undefined
  const misspelt = await configure(api, { admin: { prot: 1 }, admni: {} })
  const { status, stderr } = await runInProcess('gateway', 'start', '--config', misspelt.file)
  expect(status).toBe(2)
  expect(stderr).toMatch(/admin\.prot: is not a setting; did you mean admin\.port\?/)
  expect(stderr).toMatch(/admni: is not a setting; did you mean admin\?/)
  const { file, port } = await configure(api)
  const env = { COUNTERSIGN_GATEWAY_ADMIN_PORT: String(port) }
  const taken = await startProgram(['gateway', 'start', '--config', file], { env }).finished
  expect(taken.stderr).toMatch(/is already in use: stop the process that is using it, or change admin\.port\./)
})

/** The first bytes of a response, and how it ended. */
function read(url: string): { begun: Promise<string>; ended: Promise<{ text: string; isWhole: boolean }> } {
  let text = ''
  let begin: (text: string) => void = () => undefined
  const begun = new Promise<string>((resolve) => {
    begin = resolve
  })
  const ended = new Promise<{ text: string; isWhole: boolean }>((resolve) => {
    const request = get(url, { agent: false }, (answer) => {
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
        begin(text)
      })
      answer.on('error', () => undefined)
      answer.once('close', () => resolve({ text, isWhole: answer.complete }))
    })
    request.on('error', () => resolve({ text, isWhole: false }))
  })
  return { begun, ended }
}

async function stopped({ child, finished }: Running): Promise<{ status: number | null; took: number }> {
  const began = performance.now()
  child.kill('SIGTERM')
  const { status } = await finished
  return { status, took: performance.now() - began }
}

it.each([
  ['in one process', []],
  ['in two processes', ['--workers', '2']],
])(
  'at SIGTERM completes requests in progress, reports that it is stopping, and ends event streams properly, %s',
  async (_, flags) => {
    let arrived = 0
    const { file, id, adminPort } = await configure(({ url }, outgoing) => {
      if (url === '/open/slow') arrived++
      if (url === '/open/slow') return void setTimeout(() => outgoing.end('slow and whole'), 2500)
      outgoing.writeHead(200, { 'content-type': url === '/open/stream' ? 'text/event-stream' : 'text/plain' })
      const timer = setInterval(() => outgoing.write('data: tick\n\n'), 100)
      outgoing.once('close', () => clearInterval(timer))
    })
    const running = startCommand(['gateway', 'start', '--config', file, ...flags])
    onTestFinished(() => void running.child.kill('SIGKILL'))
    await running.seen(flags.length > 0 ? /(?:Protecting [\s\S]*){2}/ : /Protecting /)
    const slow = Array.from({ length: 4 }, () => read(`${id}/open/slow`))
    const streams = Array.from({ length: 4 }, () => read(`${id}/open/stream`))
    const endless = read(`${id}/open/endless`)
    await Promise.all([...streams, endless].map(({ begun }) => begun))
    await expect.poll(() => arrived).toBe(slow.length)
    const stopping = stopped(running)
    await running.seen(/"stopping"/)
    // With two processes, the other one may have reported it first.
    const ready = async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).text()
    await expect.poll(ready).toBe('not ready: the server is stopping\n')
    // Each process stops accepting connections on its own; the last one may still serve a request completely.
    const isServed = () =>
      fetch(`${id}/open/slow`).then(
        () => true,
        () => false,
      )
    await expect.poll(isServed).toBe(false)
    for (const { ended } of slow) expect(await ended).toEqual({ text: 'slow and whole', isWhole: true })
    for (const { ended } of streams) expect(await ended).toMatchObject({ isWhole: true })
    // A response that is not an event stream must not look complete.
    expect(await endless.ended).toMatchObject({ isWhole: false })
    const { status, took } = await stopping
    expect(status).toBe(0)
    expect(took).toBeGreaterThan(4000)
  },
)
