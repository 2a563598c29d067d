import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect } from 'vitest'

/** Kills at each step: 200 in `npm run test:long`. */
export const kills = process.env.LONG_TESTS ? 200 : 2

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

export interface KilledAgent {
  /** The options of `killed-agent.mjs`, without its folder and clock. */
  options: { port: number; jwk: object; api: string; authServer: string; edition?: 'draft-11' }
  /** Seconds after which another process may take over the work of one that was killed. */
  lease: number
  /** The maximum delay of the kill after the step, in milliseconds. */
  delay: number
  /** Called with the page of each prompt. */
  onPrompt: (url: string) => void
  /** Called once a process has exited without a response. */
  onKilled?: () => void
}

export interface KilledRun {
  /** Kills the agent, unless it was killed before. */
  kill: () => void
  /** Restarts the agent until it has its response. Resolves to the number of processes that were killed. */
  finish: () => Promise<number>
}

/** An agent whose first process is killed once, and which is then restarted. */
export function createKilledAgent({ options, lease, delay, onPrompt, onKilled }: KilledAgent): KilledRun {
  let child: ChildProcess | undefined
  let isKilled = false

  async function run(folder: string, ahead: number): Promise<string | undefined> {
    const path = fileURLToPath(new URL('killed-agent.mjs', import.meta.url))
    const started = fork(path, [JSON.stringify({ ...options, folder, ahead })], { execArgv: [] })
    child = started
    running.add(started)
    let answer: string | undefined
    started.on('message', (message: { url?: string; answer?: string }) => {
      if (message.url !== undefined) onPrompt(message.url)
      if (message.answer === undefined) return
      answer = message.answer
      started.kill('SIGKILL')
    })
    const late = setTimeout(() => started.kill('SIGKILL'), 60_000)
    await once(started, 'exit')
    clearTimeout(late)
    running.delete(started)
    return answer
  }

  return {
    kill() {
      if (isKilled) return
      isKilled = true
      const killed = child
      setTimeout(() => killed?.kill('SIGKILL'), Math.random() * delay)
    },
    async finish() {
      const folder = mkdtempSync(join(tmpdir(), 'countersign-killed-'))
      try {
        for (let tries = 0; tries < 6; tries += 1) {
          const answer = await run(folder, tries * lease)
          if (answer !== undefined) {
            expect(answer).toBe('"data"')
            return tries
          }
          expect(isKilled, 'it exited without a kill').toBe(true)
          onKilled?.()
        }
        return expect.fail('it has no response')
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

/** A user who decides on each page once, and reloads the page of the agent until it loads. */
export interface ReloadingUser {
  /** The pages that the user was shown. */
  pages: ReadonlySet<string>
  show: (url: string) => void
  stop: () => void
}

/**
 * @param callbackOf decides on a page, and returns the address of the agent's page to which the browser then goes
 * @param onLoad called before each attempt to load that page
 */
export function createReloadingUser(callbackOf: (page: URL) => URL | string, onLoad: () => void): ReloadingUser {
  const pages = new Set<string>()
  let isOver = false
  async function decide(url: string): Promise<void> {
    await pause(Math.random() * 80)
    const callback = callbackOf(new URL(url))
    while (!isOver) {
      onLoad()
      const page = await fetch(callback).then(
        (response) => response.text(),
        () => undefined,
      )
      if (page?.includes('data-state=')) return
      await pause(50)
    }
  }
  return {
    pages,
    show(url) {
      if (pages.has(url)) return
      pages.add(url)
      void decide(url)
    },
    stop: () => {
      isOver = true
    },
  }
}
