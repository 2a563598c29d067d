import { describe, expect, it, onTestFinished } from 'vitest'
import { openMapStage } from '../attacks/stage.js'
import { createScriptedUser } from '../scripted-user.js'

/** A server with sign-in, and the keys of its storage counters. */
async function openCounted() {
  const counters = new Set<string>()
  const stage = await openMapStage({
    wrap: (storage) => ({
      ...storage,
      countAttempt: (attempt) => {
        counters.add(attempt.key)
        return storage.countAttempt(attempt)
      },
    }),
  })
  onTestFinished(() => stage.close())
  const url = `${stage.authServer}/account/sign-in`
  const user = createScriptedUser(stage.fetch)
  const page = await (await user.open(url)).text()
  const guess = async (username: string) =>
    (await user.submit(page, url, { action: 'login', username, password: 'wrong' })).status
  return { counters, guess }
}

describe('an address that guesses too often', () => {
  it('leaves no counter per invented username', async () => {
    const { counters, guess } = await openCounted()
    for (let sent = 0; sent < 29; sent++) expect(await guess(`nobody-${sent}`)).toBe(401)
    expect(await guess('nobody-29')).toBe(429)
    const before = counters.size
    for (let sent = 30; sent < 80; sent++) expect(await guess(`nobody-${sent}`)).toBe(429)
    expect(counters.size).toBe(before)
  })
})
