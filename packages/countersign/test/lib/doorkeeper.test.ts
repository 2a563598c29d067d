import { describe, expect, it } from 'vitest'
import { Doorkeeper } from '../../dist/lib/doorkeeper.js'

describe('Doorkeeper', () => {
  it('knows a text the second time, and not the first', () => {
    const doorkeeper = new Doorkeeper(8)
    expect(['abcdefgh', 'abcdefgh', 'hgfedcba', 'abcdefgh'].map((text) => doorkeeper.hasSeen(text))).toEqual([
      false,
      true,
      false,
      true,
    ])
  })

  it('takes few of many new texts for ones that it saw', () => {
    const doorkeeper = new Doorkeeper(8)
    let mistaken = 0
    for (let i = 0; i < 100_000; i++) if (doorkeeper.hasSeen(String(i).padStart(8, '0'))) mistaken++
    expect(mistaken).toBeLessThan(1000)
  })
})
