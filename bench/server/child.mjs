import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from './client.mjs'
import { createOperations } from './operations.mjs'

/**
 * Starts a tested server in a process of its own, and gives what the client does there, over so many connections.
 *
 * @param onAnswer told the status of each answer, and the milliseconds until it was there
 */
export async function startChild(settings, connections, onAnswer) {
  const child = fork(fileURLToPath(new URL('tested.mjs', import.meta.url)))
  child.send(settings)
  const { port } = await answerOf(child)
  const client = createClient(port, connections, onAnswer)
  return {
    name: settings.name,
    operations: await createOperations(settings.keys, client),
    ask(question) {
      child.send(question)
      return answerOf(child)
    },
    /** Counts `fsync` and `fdatasync` during some work; undefined without strace, or where it may not look. */
    countSyncs: (folder, work) => countSyncs(child.pid, join(folder, 'syncs'), work),
    async end() {
      client.close()
      if (child.exitCode !== null) return
      child.send('end')
      await answerOf(child)
      child.disconnect()
      await once(child, 'exit')
    },
  }
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

async function countSyncs(pid, file, work) {
  const options = ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', '-o', file, '-p', String(pid)]
  const tracer = spawn('strace', options, { stdio: 'ignore' })
  const ended = new Promise((resolve) => tracer.once('error', resolve).once('exit', resolve))
  const attached = await isTraced(pid, ended)
  await work()
  if (!attached) return undefined
  tracer.kill('SIGINT')
  await ended
  return readFileSync(file, 'utf8').match(/(?:fsync|fdatasync)\(/g)?.length ?? 0
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
