import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import type { Finished } from '../../../cli/test/run-command.js'
import { type ProgramOptions, type RunningProgram, startProgram } from '../../../cli/test/run-program.js'

/** An instance of the auth server. */
export interface Instance extends Pick<RunningProgram, 'said' | 'stop'> {
  /** The origin it listens on. */
  origin: string
}

/** An instance of the auth server that runs as a separate process. */
export interface InstanceProcess extends Pick<Instance, 'said' | 'origin'> {
  child: ChildProcess
  finished: Promise<Finished>
}

interface ServeOptions {
  /** The origin it listens on: a second instance elsewhere is the same server. */
  port?: number
  env?: NodeJS.ProcessEnv
}

interface SpawnOptions extends ServeOptions {
  /** The file that its log is written to. @default the log that {@link InstanceProcess.said} shows */
  stdout?: number
  /** Further flags. */
  flags?: readonly string[]
}

/** The operator’s side: a folder with a configuration and a master key, and the command. */
export interface OperatorStage {
  folder: string
  config: string
  database: string
  masterKey: string
  issuer: string
  /** Runs the command to completion, in this process, with the configuration. */
  run(command: string, options?: ProgramOptions & { config?: false }): Promise<Finished>
  /** Runs it, expects it to succeed, and returns its output as parsed JSON. */
  ask<T>(command: string, options?: ProgramOptions): Promise<T>
  /** Starts an instance in this process and waits until it listens. */
  serve(options?: ServeOptions): Promise<Instance>
  /** Starts an instance as a separate process and waits until it listens. */
  spawnServe(options?: SpawnOptions): Promise<InstanceProcess>
}

/** The built command. */
export const commandPath = fileURLToPath(new URL('../../../cli/bin/countersign.js', import.meta.url))

/** Instances that a file’s tests left closing: clients in this process keep connections open, for which a server waits a second. */
const stopping: Promise<unknown>[] = []

// In a process that files share, this runs after the first of them; the instances of the others close while the next tests run.
afterAll(() => Promise.all(stopping))

/** Reports that a test has ended: a concurrent test has its own. */
export interface TestEnd {
  onTestFinished(end: () => Promise<void> | void): void
}

/** A stage for one test, in development on loopback; everything is stopped when the test ends. */
export async function createOperatorStage(
  settings: object = {},
  test: TestEnd = { onTestFinished },
): Promise<OperatorStage> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-operators-'))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const config = join(folder, 'countersign.config.json')
  const masterKey = join(folder, 'master.key')
  const content = {
    issuer,
    database: 'auth.db',
    masterKeyFile: 'master.key',
    listen: { port },
    allowInsecureLoopback: true,
    ...settings,
  }
  writeFileSync(config, JSON.stringify(content))
  const programs = new Set<RunningProgram>()
  const children = new Set<ChildProcess>()
  test.onTestFinished(async () => {
    const stops = [...programs].map((program) => program.stop())
    const ends = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ends)
    stopping.push(Promise.all(stops).then(() => rmSync(folder, { recursive: true, force: true })))
  })

  const stage: OperatorStage = {
    folder,
    config,
    database: join(folder, 'auth.db'),
    masterKey,
    issuer,
    run(command, { config: named, ...options } = {}) {
      const args = [...command.split(' '), ...(named === false ? [] : ['--config', config])]
      return startProgram(args, options).finished
    },
    async ask(command, options) {
      const { status, stdout, stderr } = await stage.run(`${command} --json`, options)
      if (status !== 0) throw new Error(`${command} exited with ${status}: ${stderr}`)
      return JSON.parse(stdout)
    },
    async serve({ port: other = port, env = {} } = {}) {
      const program = startProgram(['server', 'start', '--config', config], {
        env: { COUNTERSIGN_LISTEN_PORT: String(other), ...env },
      })
      programs.add(program)
      await program.seen(/"event":"started"/)
      return { said: program.said, stop: program.stop, origin: `http://127.0.0.1:${other}` }
    },
    async spawnServe({ port: other = port, env = {}, stdout: log, flags = [] } = {}) {
      const child = spawn(process.execPath, [commandPath, 'server', 'start', '--config', config, ...flags], {
        cwd: folder,
        env: { ...process.env, COUNTERSIGN_LISTEN_PORT: String(other), ...env },
        stdio: ['ignore', log ?? 'pipe', 'pipe'],
      })
      children.add(child)
      let stdout = ''
      let stderr = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
      })
      const finished = new Promise<Finished>((resolve) => {
        child.once('close', (status) => {
          children.delete(child)
          resolve({ status, stdout, stderr })
        })
      })
      await new Promise<void>((resolve, reject) => {
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          stderr += text
          if (stderr.includes('Serving ')) resolve()
        })
        void finished.then(({ status }) => reject(new Error(`serve exited with ${status}: ${stderr}`)))
      })
      return { child, finished, said: () => ({ stdout, stderr }), origin: `http://127.0.0.1:${other}` }
    },
  }
  await stage.run(`server keys generate-master --output ${masterKey}`, { config: false })
  return stage
}
