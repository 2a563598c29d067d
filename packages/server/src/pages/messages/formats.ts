/** Numbers, days and times as one language writes them; times are UTC. */
export interface Formats {
  number: (count: number) => string
  timeOfDay: (unixSeconds: number) => string
  /** The year only where it is not the year of `now`. */
  day: (unixSeconds: number, now: number) => string
}

/** Makes the formats of a locale, such as `en-GB`. */
export function createFormats(locale: string): Formats {
  const timeZone = 'UTC'
  const numbers = new Intl.NumberFormat(locale)
  const times = new Intl.DateTimeFormat(locale, { timeZone, hour: 'numeric', minute: '2-digit' })
  const days = new Intl.DateTimeFormat(locale, { timeZone, day: 'numeric', month: 'long' })
  const daysOfYears = new Intl.DateTimeFormat(locale, { timeZone, day: 'numeric', month: 'long', year: 'numeric' })
  const dateOf = (unixSeconds: number) => new Date(unixSeconds * 1000)
  return {
    number: (count) => numbers.format(count),
    timeOfDay: (unixSeconds) => times.format(dateOf(unixSeconds)),
    day: (unixSeconds, now) => {
      const sameYear = dateOf(unixSeconds).getUTCFullYear() === dateOf(now).getUTCFullYear()
      return (sameYear ? days : daysOfYears).format(dateOf(unixSeconds))
    },
  }
}

/** The largest unit that fits without a remainder, in minutes at least; a part of a minute counts as one. */
export function wholeUnits(seconds: number): { count: number; unit: 'minute' | 'hour' | 'day' } {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  if (minutes % 1440 === 0) return { count: minutes / 1440, unit: 'day' }
  if (minutes % 60 === 0) return { count: minutes / 60, unit: 'hour' }
  return { count: minutes, unit: 'minute' }
}
