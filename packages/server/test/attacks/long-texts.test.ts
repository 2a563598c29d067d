import type { Storage } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { openMapStage } from './stage.js'

/** What takes longest to normalize: marks of two classes in turn, in about as many bytes as a form may have. */
const slowest = `a${'\u0301\u0323'.repeat(5_000)}`

/** Milliseconds of CPU that this process spends. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** A browser at the sign-in page, and the verbs of the storage that its attempts call. */
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

it('V10: a long user name takes no more time than a short one', async () => {
  const { attempt } = await openBrowser()
  await attempt('nobody')
  expect(await cpuOf(() => attempt(slowest))).toBeLessThan(100)
})

it('V10, C17: the same happens for a user name that is longer than any as for one that does not exist', async () => {
  const { attempt } = await openBrowser()
  const unknown = await attempt('nobody')
  expect(unknown.status).toBe(401)
  expect(await attempt('a'.repeat(129))).toEqual(unknown)
  expect(await attempt(slowest)).toEqual(unknown)
})
