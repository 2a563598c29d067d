import { wholeUnits } from './formats.js'

const units = { minute: ['minute', 'minutes'], hour: ['hour', 'hours'], day: ['day', 'days'] } as const

/** A duration in English words, such as `10 minutes`. */
export function enDuration(seconds: number): string {
  const { count, unit } = wholeUnits(seconds)
  return `${count} ${units[unit][count === 1 ? 0 : 1]}`
}
