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
 * Starts a tested server in its own processes, which the client uses in turn, and returns the operations of the client on it.
 *
 * @param settings of the server; `database` is its database, from {@link openDatabases}
 * @param options.connections to each process
 * @param options.processes the number of processes
 * @param options.onAnswer called with the status of each response, and the milliseconds it took
 */
export async function startTested(settings, { connections, processes = 1, onAnswer }) {
  const { databases, database, ...others } = settings
  const children = []
  const ports = []
  for (let number = 0; number < processes; number++) {
    // The client's own Node flags do not apply to the server.
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
    /** CPU time of all processes, in microseconds, excluding the database's, and the number of statements so far. */
    async read() {
      const all = await ask('read')
      return { cpu: sum(all, 'cpu'), statements: sum(all, 'statements'), databaseCpu: databases?.cpu() }
    },
    memory: () => ask('readMemory'),
    watchDelay: () => ask('watchDelay'),
    /** Of the process with the highest delay. */
    readDelay: async () => (await ask('readDelay')).reduce((worst, each) => (each.p99 > worst.p99 ? each : worst)),
    watchCalls: () => ask('watchCalls'),
    readCalls: async () => (await ask('readCalls')).reduce((total, share) => total + share / processes, 0),
    /**
     * Counts `fsync` and `fdatasync` calls during some work, separately from those of PostgreSQL's background processes, which no client
     * waits for; undefined without strace, or if it is not permitted to trace.
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
    const exited = (status) => reject(new Error(`a tested server exited with ${status}`))
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

/** Whether this is a PostgreSQL process whose writes no client waits for. */
function isBackground(pid) {
  return /^postgres: (?:checkpointer|background writer|walwriter)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
}

/** Waits until a process is traced; returns false if its tracer exited first. */
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
