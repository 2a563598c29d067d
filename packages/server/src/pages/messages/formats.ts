/** Formats numbers, days and times for one language; days and times are in UTC. */
export interface Formats {
  number: (count: number) => string
  timeOfDay: (unixSeconds: number) => string
  /** Omits the year if it is the same as the year of `now`. */
  day: (unixSeconds: number, now: number) => string
  dayAndTime: (unixSeconds: number, now: number) => string
  /** How long ago, rounded down to whole seconds (at least one), minutes or hours. */
  ago: (seconds: number) => string
}

const day = { day: 'numeric', month: 'long' } as const

/** Creates the formats for a locale, such as `en-GB`. */
export function createFormats(locale: string): Formats {
  const numbers = new Intl.NumberFormat(locale)
  const { hour12 } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions()
  const timeOfDay = { hour: hour12 ? 'numeric' : '2-digit', minute: '2-digit' } as const
  const ago = new Intl.RelativeTimeFormat(locale)
  const format = (options: Intl.DateTimeFormatOptions) => {
    const formatter = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options })
    return (unixSeconds: number) => formatter.format(unixSeconds * 1000)
  }
  const dated = (options: Intl.DateTimeFormatOptions) => {
    const [short, long] = [format(options), format({ ...options, year: 'numeric' })]
    return (unixSeconds: number, now: number) =>
      yearOf(unixSeconds) === yearOf(now) ? short(unixSeconds) : long(unixSeconds)
  }
  return {
    number: (count) => numbers.format(count),
    timeOfDay: format(timeOfDay),
    day: dated(day),
    dayAndTime: dated({ ...day, ...timeOfDay }),
    ago(seconds) {
      const [size, unit] =
        seconds < 60 ? [1, 'second' as const] : seconds < 3600 ? [60, 'minute' as const] : [3600, 'hour' as const]
      return ago.format(-Math.max(1, Math.floor(seconds / size)), unit)
    },
  }
}

function yearOf(unixSeconds: number): number {
  return new Date(unixSeconds * 1000).getUTCFullYear()
}

/** Returns the duration in the largest unit that divides it evenly, after rounding it up to whole minutes (at least one). */
export function wholeUnits(seconds: number): { count: number; unit: 'minute' | 'hour' | 'day' } {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  if (minutes % 1440 === 0) return { count: minutes / 1440, unit: 'day' }
  if (minutes % 60 === 0) return { count: minutes / 60, unit: 'hour' }
  return { count: minutes, unit: 'minute' }
}

/** Formats numbers, days and times as English does in a region; `locale` is for the script. */
export function enDates(locale: string) {
  const formats = createFormats(locale)
  return {
    locale,
    number: (count: number) => formats.number(count),
    timeOfDay: (unixSeconds: number) => `${formats.timeOfDay(unixSeconds)} UTC`,
    day: (unixSeconds: number, now: number) => formats.day(unixSeconds, now),
    dayAndTime: (unixSeconds: number, now: number) => `${formats.dayAndTime(unixSeconds, now)} UTC`,
    ago: formats.ago,
  }
}

const units = { minute: ['minute', 'minutes'], hour: ['hour', 'hours'], day: ['day', 'days'] } as const

/** Returns a duration in English words, such as `10 minutes`. */
export function enDuration(seconds: number): string {
  const { count, unit } = wholeUnits(seconds)
  return `${count} ${units[unit][count === 1 ? 0 : 1]}`
}
