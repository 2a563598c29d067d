import { hashPassword } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { openMapStage } from './stage.js'

const pairs = 40

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

it('C17: responds to a wrong password identically for known and unknown usernames, and in the same time', {
  timeout: 60_000,
}, async () => {
  const stage = await openMapStage({ hashPassword })
  onTestFinished(() => stage.close())
  const url = `${stage.authServer}/account/sign-in`
  const user = createScriptedUser(stage.fetch)
  const page = await (await user.open(url)).text()
  const attempt = async (username: string) => {
    const started = performance.now()
    const response = await user.submit(page, url, { username, password: 'wrong', action: 'login' })
    const text = (await response.text()).replaceAll(username, 'NAME')
    return { status: response.status, text, took: performance.now() - started }
  }
  const known = await attempt('alice')
  const unknown = await attempt('nobody')
  expect({ ...unknown, took: 0 }).toEqual({ ...known, took: 0 })
  expect(known.status).toBe(401)
  const ratio = async () => {
    const ratios: number[] = []
    for (let pair = 0; pair < pairs; pair++) {
      const names = pair % 2 ? ['alice', 'nobody'] : ['nobody', 'alice']
      const took = new Map<string, number>()
      // Move past the window of the previous attempts: a throttled attempt hashes nothing.
      stage.clock.now += 901
      for (const name of names) {
        const answer = await attempt(name)
        expect(answer.status).toBe(401)
        took.set(name, answer.took)
      }
      ratios.push((took.get('alice') ?? 0) / (took.get('nobody') ?? 1))
    }
    return Math.abs(median(ratios) - 1)
  }
  // A busy machine may distort one round; a skipped hash distorts every round.
  let off = await ratio()
  for (let round = 1; round < 4 && off >= 0.05; round++) off = await ratio()
  expect(off).toBeLessThan(0.05)
})
