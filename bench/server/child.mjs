import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from './client.mjs'
import { createOperations } from './operations.mjs'

/**
 * Starts a tested server in processes of its own, which the client takes in turn, and gives what the client does there.
 *
 * @param settings of the server; `database` is where it keeps what it knows, of {@link openDatabases}
 * @param options.connections to each process
 * @param options.processes how many there are
 * @param options.onAnswer told the status of each answer, and the milliseconds until it was there
 */
export async function startTested(settings, { connections, processes = 1, onAnswer }) {
  const { databases, database, ...others } = settings
  const children = []
  const ports = []
  for (let number = 0; number < processes; number++) {
    // What the client is started with is for the client.
    const child = fork(fileURLToPath(new URL('tested.mjs', import.meta.url)), { execArgv: [] })
    children.push(child)
    child.send({ ...others, place: database?.place, isFirst: number === 0 })
    ports.push((await answerOf(child)).port)
  }
  const client = createClient(ports, connections, onAnswer)
  const ask = (question) =>
    Promise.all(
      children.map((child) => {
        child.send(question)
        return answerOf(child)
      }),
    )
  return {
    operations: await createOperations(others.keys, client),
    /** Microseconds of CPU of all processes, apart from those of the database, and statements, until now. */
    async read() {
      const all = await ask('read')
      return { cpu: sum(all, 'cpu'), statements: sum(all, 'statements'), databaseCpu: databases?.cpu() }
    },
    memory: () => ask('readMemory'),
    watchDelay: () => ask('watchDelay'),
    /** Of the process that was latest. */
    readDelay: async () => (await ask('readDelay')).reduce((worst, each) => (each.p99 > worst.p99 ? each : worst)),
    watchCalls: () => ask('watchCalls'),
    readCalls: async () => (await ask('readCalls')).reduce((total, share) => total + share / processes, 0),
    /**
     * Counts `fsync` and `fdatasync` during some work, and those of PostgreSQL's own processes apart, for which nobody waits;
     * undefined without strace, or where it may not look.
     */
    countSyncs: (work) => countSyncs(databases?.pids() ?? children.map(({ pid }) => pid), work),
    async end() {
      client.close()
      for (const child of children) {
        if (child.exitCode !== null) continue
        child.send('end')
        await answerOf(child)
        child.disconnect()
        await once(child, 'exit')
      }
    },
  }
}

function sum(all, name) {
  return all.reduce((total, each) => total + each[name], 0)
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    const exited = (status) => reject(new Error(`a tested server ended with ${status}`))
    child.once('exit', exited)
    child.once('message', ({ answer }) => {
      child.off('exit', exited)
      resolve(answer)
    })
  })
}

async function countSyncs(pids, work) {
  const file = join(tmpdir(), `countersign-syncs-${process.pid}`)
  const background = new Set(pids.filter(isBackground))
  const options = ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', '-o', file]
  const tracer = spawn('strace', [...options, ...pids.flatMap((pid) => ['-p', String(pid)])], { stdio: 'ignore' })
  const ended = new Promise((resolve) => tracer.once('error', resolve).once('exit', resolve))
  const attached = (await Promise.all(pids.map((pid) => isTraced(pid, ended)))).every(Boolean)
  await work()
  if (!attached) return undefined
  tracer.kill('SIGINT')
  await ended
  const calls = readFileSync(file, 'utf8').match(/^.*(?:fsync|fdatasync)\(/gm) ?? []
  rmSync(file)
  const later = calls.filter((call) => background.has(Number.parseInt(call, 10))).length
  return { waited: calls.length - later, later }
}

/** Whether a process of PostgreSQL writes what no client waits for. */
function isBackground(pid) {
  return /^postgres: (?:checkpointer|background writer|walwriter)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
}

/** Waits until a process is traced; false when its tracer ended first. */
async function isTraced(pid, ended) {
  let over = false
  void ended.then(() => {
    over = true
  })
  for (let tries = 0; tries < 100 && !over; tries++) {
    await wait(50)
    const [, tracer] = /^TracerPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    if (tracer !== undefined && tracer !== '0') return true
  }
  return false
}
