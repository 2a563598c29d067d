import { describe, expect, it } from 'vitest'
import { createClocks } from '../../src/agent/clock-offset.js'

const at = 1_800_000_000
const answerAt = (seconds: number | undefined) =>
  new Response(null, { headers: seconds === undefined ? {} : { date: new Date(seconds * 1000).toUTCString() } })

describe('the clock of a server', () => {
  it('is learned from a response that rejects a signature, for that origin only', () => {
    const clocks = createClocks(() => at)
    expect(clocks.learn('https://a.example', answerAt(at + 300), 60)).toMatchObject({ mayHelp: true })
    expect(clocks.at('https://a.example')).toBe(at + 300)
    expect(clocks.at('https://b.example')).toBe(at)
    expect(clocks.learn('https://a.example', answerAt(at + 310), 60), 'that is close enough').toBeUndefined()
    expect(clocks.learn('https://a.example', answerAt(at), 60), 'it was corrected').toMatchObject({
      mayHelp: true,
      problem: expect.stringContaining("the agent's clock is 0 s behind the server"),
    })
    expect(clocks.at('https://a.example')).toBe(at)
  })

  it.each([
    [55, undefined],
    [56, true],
    [-56, true],
    [3600, true],
    [3601, false],
    [-86_400, false],
    [undefined, undefined],
  ])('is compensated for up to one hour: %s s ahead', (ahead, mayHelp) => {
    const clocks = createClocks(() => at)
    const learnt = clocks.learn('https://a.example', answerAt(ahead === undefined ? undefined : at + ahead), 60)
    expect(learnt?.mayHelp).toBe(mayHelp)
    expect(clocks.at('https://a.example')).toBe(mayHelp ? at + (ahead ?? 0) : at)
  })

  it.each([
    [300, '300 s behind'],
    [-90, '90 s ahead of'],
    [4000, '4000 s behind'],
  ])('is named with the direction in which the agent differs: %s s', (ahead, apart) => {
    const learnt = createClocks(() => at).learn('https://a.example', answerAt(at + ahead), 60)
    expect(learnt?.problem).toMatch(
      new RegExp(`^the agent's clock is ${apart} the server, which refuses signatures that are more than 60 s off`),
    )
  })

  it('is no longer compensated once it is off by more than an hour', () => {
    const clocks = createClocks(() => at)
    clocks.learn('https://a.example', answerAt(at + 300), 60)
    expect(clocks.learn('https://a.example', answerAt(at + 4000), 60)).toMatchObject({ mayHelp: false })
    expect(clocks.at('https://a.example')).toBe(at)
  })

  it('is stored for up to a thousand origins', () => {
    const clocks = createClocks(() => at)
    for (let origin = 0; origin < 1001; origin++) clocks.learn(`https://a${origin}.example`, answerAt(at + 300), 60)
    expect([0, 1, 1000].map((origin) => clocks.at(`https://a${origin}.example`) - at)).toEqual([0, 300, 300])
  })
})
