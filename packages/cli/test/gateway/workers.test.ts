import { rename, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { ids } from '../../../countersign/test/editions/draft-11/wire.js'
import { openPersonServer } from '../../../gateway/test/person-server.js'
import { type Running, startCommand } from '../run-command.js'
import { type Configured, configure } from './configuration.js'

interface Started extends Configured {
  running: Running
  /** The number of matches in its output. */
  count: (pattern: RegExp) => number
}

async function start(workers: number, given?: Configured): Promise<Started> {
  const configured =
    given ??
    (await configure(({ url }, outgoing) => {
      setTimeout(() => outgoing.end(url), 20)
    }))
  const running = startCommand(['gateway', 'start', '--config', configured.file, '--workers', String(workers)])
  onTestFinished(() => void running.child.kill('SIGKILL'))
  let said = ''
  running.child.stdout.on('data', (text: string) => (said += text))
  running.child.stderr.on('data', (text: string) => (said += text))
  const count = (pattern: RegExp) => said.match(new RegExp(pattern, 'g'))?.length ?? 0
  await expect.poll(() => count(/Protecting /)).toBe(workers)
  return { ...configured, running, count }
}

/** Replaces the file atomically, as every writer of a configuration should. */
async function write(file: string, settings: unknown): Promise<void> {
  await writeFile(`${file}.new`, typeof settings === 'string' ? settings : JSON.stringify(settings))
  await rename(`${file}.new`, file)
}

interface Load {
  statuses: Map<string, number>
  /** Connections that were opened for the load. */
  opened: Set<string>
  stop: () => Promise<void>
}

/** Clients that send one request after another, each on one keep-alive connection, or on a new one each time. */
function load(url: string, clients: number): Load {
  const statuses = new Map<string, number>()
  const opened = new Set<string>()
  let isOver = false
  const note = (what: string) => statuses.set(what, (statuses.get(what) ?? 0) + 1)
  async function client(keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    while (!isOver)
      await new Promise<void>((done) => {
        const request = get(url, { agent }, (answer) => {
          if (keepAlive) opened.add(`${answer.socket.localPort}`)
          answer.resume().once('close', () => {
            note(answer.complete ? String(answer.statusCode) : 'broken off')
            done()
          })
        })
        request.once('error', (error: NodeJS.ErrnoException) => {
          note(`${error.code} on a ${request.reusedSocket ? 'kept' : 'new'} connection`)
          done()
        })
      })
    agent.destroy()
  }
  const all = Promise.all(Array.from({ length: clients }, (_, at) => client(at % 2 === 0)))
  return {
    statuses,
    opened,
    async stop() {
      isOver = true
      await all
    },
  }
}

it('at SIGHUP all workers reload the file under load without losing a request or connection; an invalid file changes nothing', async () => {
  const { file, id, settings, running, count } = await start(3)
  const clients = load(`${id}/open/load`, 12)
  const ask = async (path: string) => (await fetch(`${id}${path}`, { headers: { connection: 'close' } })).status
  const askAll = (path: string) => Promise.all(Array.from({ length: 12 }, () => ask(path)))
  expect(new Set(await askAll('/later'))).toEqual(new Set([404]))
  const { routes } = settings as { routes: object[] }
  for (let round = 1; round <= 4; round++) {
    const added = round % 2 === 1 ? [{ method: 'GET', path: '/later', require: 'none' }] : []
    const limits = { connections: 1000 + round }
    await write(file, { ...settings, limits, routes: [...routes, ...added] })
    const before = count(/was reloaded/)
    running.child.kill('SIGHUP')
    await expect.poll(() => count(/was reloaded/)).toBeGreaterThanOrEqual(before + 3)
    const answered = async () => [...new Set(await askAll('/later'))]
    await expect.poll(answered).toEqual([round % 2 === 1 ? 200 : 404])
  }
  // They check the file by themselves, too, but reload an unchanged one only at the signal.
  const before = count(/was reloaded/)
  running.child.kill('SIGHUP')
  await expect.poll(() => count(/was reloaded/)).toBeGreaterThanOrEqual(before + 3)
  await write(file, '{')
  running.child.kill('SIGHUP')
  await expect.poll(() => count(/The previous configuration remains active\. /)).toBeGreaterThanOrEqual(3)
  await expect.poll(() => count(/"event":"config\.not_read"/)).toBeGreaterThanOrEqual(3)
  expect(new Set(await askAll('/open/1'))).toEqual(new Set([200]))
  await write(file, { ...settings, listen: { port: 1 } })
  await expect.poll(() => count(/These settings take effect only after a restart: listen\./)).toBe(3)
  await expect.poll(() => clients.statuses.get('200')).toBeGreaterThan(100)
  await clients.stop()
  expect([...clients.statuses.keys()]).toEqual(['200'])
  expect(clients.opened.size, 'six kept connections').toBe(6)
  running.child.kill('SIGTERM')
  expect((await running.finished).status).toBe(0)
})

it('a worker that dies is replaced while the others continue; SIGTERM ends all of them', async () => {
  const { id, adminPort, running, count } = await start(2)
  await expect.poll(() => count(/"event":"started"/)).toBe(2)
  const [, pid] = await running.seen(/"pid":(\d+)/)
  for (const port of [adminPort, adminPort + 1]) expect(count(new RegExp(`"adminPort":${port},`))).toBe(1)
  expect(count(new RegExp(`"parent":${running.child.pid}}`))).toBe(2)
  process.kill(Number(pid), 'SIGKILL')
  await running.seen(/A server process exited with a signal and is being replaced\./)
  await running.seen(new RegExp(`"event":"worker\\.ended","pid":${pid},"ended":"SIGKILL"}`))
  const ask = async () => (await fetch(`${id}/open/1`, { headers: { connection: 'close' } })).status
  for (let turn = 0; turn < 10; turn++) expect(await ask()).toBe(200)
  await expect.poll(() => count(/Protecting /)).toBe(3)
  const clients = load(`${id}/open/load`, 4)
  await expect.poll(() => clients.statuses.get('200')).toBeGreaterThan(20)
  running.child.kill('SIGTERM')
  expect((await running.finished).status).toBe(0)
  await clients.stop()
  // Requests in progress were completed; later clients were not served, even if the system had already accepted the connection.
  expect(
    [...clients.statuses.keys()].filter(
      (what) => !/^200$|^(?:ECONNREFUSED|ECONNRESET) on a new connection$/.test(what),
    ),
  ).toEqual([])
})

it('workers share the revoked tokens in a state folder, where a restarted gateway finds them again', async () => {
  const { personServer, use, revoke } = await openPersonServer()
  const configured = await configure((_, outgoing) => void outgoing.end(), {
    id: ids.resource,
    edition: 'draft-11',
    authServer: undefined,
    authServers: [personServer],
    stateFolder: 'state',
    routes: [{ method: 'GET', path: '/user', require: 'user' }],
  })
  const { port } = configured
  // Each request is on a new connection, so both workers receive some.
  const outcomes = async () => {
    const all = new Set<unknown>()
    for (let turn = 0; turn < 6; turn++) all.add(await use(port))
    return [...all]
  }
  const first = await start(2, configured)
  expect(await outcomes()).toEqual([200])
  expect(await revoke(port)).toBe(200)
  expect(await outcomes()).toEqual(['error=revoked_jwt'])
  first.running.child.kill('SIGTERM')
  expect((await first.running.finished).status).toBe(0)
  const second = await start(2, configured)
  expect(await outcomes()).toEqual(['error=revoked_jwt'])
  second.running.child.kill('SIGTERM')
  expect((await second.running.finished).status).toBe(0)
})
