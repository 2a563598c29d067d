import { expect, it, onTestFinished } from 'vitest'
import { localTime } from '../../src/terminal/text.js'

it.each([
  ['UTC', '2027-01-15 08:00 UTC'],
  ['Asia/Kolkata', '2027-01-15 13:30 UTC+05:30'],
  ['America/New_York', '2027-01-15 03:00 UTC-05:00'],
])('names the time zone of a local time: %s', (zone, expected) => {
  const { TZ } = process.env
  onTestFinished(() => {
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  })
  process.env.TZ = zone
  expect(localTime(1_800_000_000)).toBe(expected)
})
