import type { Storage } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { openMapStage } from './stage.js'

/** The slowest input to normalize: alternating combining marks of two classes, of about the maximum size of a form. */
const slowest = `a${'\u0301\u0323'.repeat(5_000)}`

/** Returns the CPU time, in milliseconds, that this process spends: the minimum of several runs. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let runs = 0; runs < 3; runs++) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1000)
  }
  return Math.min(...times)
}

/** Opens the sign-in page in a browser, and records the storage methods that its attempts call. */
async function openBrowser() {
  const verbs: string[] = []
  const wrap = (storage: Storage) =>
    new Proxy(storage, {
      get(target, verb) {
        const method: unknown = Reflect.get(target, verb)
        if (typeof method !== 'function') return method
        return (...values: unknown[]): unknown => {
          verbs.push(String(verb))
          return Reflect.apply(method, target, values)
        }
      },
    })
  const stage = await openMapStage({ wrap })
  onTestFinished(() => stage.close())
  const url = `${stage.authServer}/account/sign-in`
  const user = createScriptedUser(stage.fetch)
  const page = await (await user.open(url)).text()
  async function attempt(username: string) {
    verbs.length = 0
    const response = await user.submit(page, url, { username, password: 'wrong', action: 'login' })
    return { status: response.status, verbs: [...verbs] }
  }
  return { attempt }
}

it('V10: a long username takes no more time than a short one', async () => {
  const { attempt } = await openBrowser()
  await attempt('nobody')
  expect(await cpuOf(() => attempt(slowest))).toBeLessThan(100)
})

it('V10, C17: treats a username that exceeds the maximum length like one that does not exist', async () => {
  const { attempt } = await openBrowser()
  const unknown = await attempt('nobody')
  expect(unknown.status).toBe(401)
  expect(await attempt('a'.repeat(129))).toEqual(unknown)
  expect(await attempt(slowest)).toEqual(unknown)
})
