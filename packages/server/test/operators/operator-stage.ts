import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export interface Finished {
  status: number | null
  stdout: string
  stderr: string
}

/** An instance of the auth server that runs as a process of its own. */
export interface Instance {
  child: ChildProcess
  /** Where it listens. */
  origin: string
  /** What it has written so far. */
  readonly said: () => { stdout: string; stderr: string }
  finished: Promise<Finished>
}

/** What an operator has: a folder with a configuration and a master key, and the command. */
export interface OperatorStage {
  folder: string
  config: string
  database: string
  issuer: string
  /** Runs the command to its end, with the configuration. */
  run(command: string, options?: { input?: string; env?: NodeJS.ProcessEnv; config?: false }): Promise<Finished>
  /** Runs it, expects it to succeed, and gives what it printed as JSON. */
  ask<T>(command: string, options?: { input?: string }): Promise<T>
  /** Starts an instance and waits until it listens. The second one listens elsewhere and is the same server. */
  serve(options?: { port?: number; env?: NodeJS.ProcessEnv }): Promise<Instance>
}

/** The built command. */
export const commandPath = fileURLToPath(new URL('../../../cli/bin/countersign.js', import.meta.url))

/** A stage for one test, in development on loopback; everything is stopped and removed when the test has ended. */
export async function createOperatorStage(settings: object = {}): Promise<OperatorStage> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-operators-'))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const config = join(folder, 'countersign.config.json')
  const content = {
    issuer,
    database: 'auth.db',
    masterKeyFile: 'master.key',
    listen: { port },
    allowInsecureLoopback: true,
    ...settings,
  }
  writeFileSync(config, JSON.stringify(content))
  const children = new Set<ChildProcess>()
  onTestFinished(async () => {
    const ends = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ends)
    rmSync(folder, { recursive: true, force: true })
  })

  function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [commandPath, ...args], { cwd: folder, env: { ...process.env, ...env } })
    children.add(child)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // A command that refuses has not read its input.
    child.stdin.on('error', () => undefined)
    const finished = new Promise<Finished>((resolve) => {
      child.once('close', (status) => {
        children.delete(child)
        resolve({ status, stdout, stderr })
      })
    })
    return { child, finished, said: () => ({ stdout, stderr }) }
  }

  const stage: OperatorStage = {
    folder,
    config,
    database: join(folder, 'auth.db'),
    issuer,
    run(command, { input = '', env, config: named } = {}) {
      const args = [...command.split(' '), ...(named === false ? [] : ['--config', config])]
      const { child, finished } = start(args, env)
      child.stdin.end(input)
      return finished
    },
    async ask(command, options) {
      const { status, stdout, stderr } = await stage.run(`${command} --json`, options)
      if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
      return JSON.parse(stdout)
    },
    async serve({ port: other = port, env = {} } = {}) {
      const running = start(['serve', '--config', config], { COUNTERSIGN_LISTEN_PORT: String(other), ...env })
      await new Promise<void>((resolve, reject) => {
        running.child.stdout.on('data', () => {
          if (running.said().stdout.includes('"event":"started"')) resolve()
        })
        void running.finished.then(({ status, stderr }) => reject(new Error(`serve ended with ${status}: ${stderr}`)))
      })
      return { ...running, origin: `http://127.0.0.1:${other}` }
    },
  }
  await stage.run('keys generate-master --out master.key', { config: false })
  return stage
}

/** A port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
