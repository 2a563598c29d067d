/** Formats numbers, days and times for one language; days and times are in UTC. */
export interface Formats {
  /** For the script, which formats days and times in the user's time zone. */
  locale: string
  number: (count: number) => string
  timeOfDay: (unixSeconds: number) => string
  /** Omits the year if it is the same as the year of `now`. */
  day: (unixSeconds: number, now: number) => string
  dayAndTime: (unixSeconds: number, now: number) => string
  /** How long ago, rounded down to whole seconds (at least one), minutes or hours. */
  ago: (seconds: number) => string
}

const day = { day: 'numeric', month: 'long' } as const

/** Creates the formats for a locale, such as `en-GB`; `inUtc` labels a time. */
export function createFormats(locale: string, inUtc = (time: string) => `${time} UTC`): Formats {
  const numbers = once(() => new Intl.NumberFormat(locale))
  const ago = once(() => new Intl.RelativeTimeFormat(locale))
  const time = once(() => {
    const { hour12 } = new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions()
    return { hour: hour12 ? 'numeric' : '2-digit', minute: '2-digit' } as const
  })
  const format = (options: () => Intl.DateTimeFormatOptions) => {
    const formatter = once(() => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options() }))
    return (unixSeconds: number) => formatter().format(unixSeconds * 1000)
  }
  const dated = (options: () => Intl.DateTimeFormatOptions) => {
    const [short, long] = [format(options), format(() => ({ ...options(), year: 'numeric' }))]
    return (unixSeconds: number, now: number) =>
      yearOf(unixSeconds) === yearOf(now) ? short(unixSeconds) : long(unixSeconds)
  }
  const [timeOfDay, dayAndTime] = [format(time), dated(() => ({ ...day, ...time() }))]
  return {
    locale,
    number: (count) => numbers().format(count),
    timeOfDay: (unixSeconds) => inUtc(timeOfDay(unixSeconds)),
    day: dated(() => day),
    dayAndTime: (unixSeconds, now) => inUtc(dayAndTime(unixSeconds, now)),
    ago(seconds) {
      const [size, unit] =
        seconds < 60 ? [1, 'second' as const] : seconds < 3600 ? [60, 'minute' as const] : [3600, 'hour' as const]
      return ago().format(-Math.max(1, Math.floor(seconds / size)), unit)
    },
  }
}

/** Creates what takes long to create when it is first needed. */
function once<T>(create: () => T): () => T {
  let made: T | undefined
  return () => (made ??= create())
}

function yearOf(unixSeconds: number): number {
  return new Date(unixSeconds * 1000).getUTCFullYear()
}

/** The forms of a counted phrase by plural category; `#` stands for the number. A language has the forms that `Intl.PluralRules` names. */
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }

/** Creates the function that writes a number with what it counts. */
export function createCounted(locale: string): (count: number, forms: Forms) => string {
  const rules = once(() => new Intl.PluralRules(locale))
  const numbers = once(() => new Intl.NumberFormat(locale))
  return (count, forms) => (forms[rules().select(count)] ?? forms.other).replace('#', numbers().format(count))
}

/** Creates the function that writes a duration, such as `10 minutes`. */
export function createDuration(locale: string): (seconds: number) => string {
  const format = (unit: string) =>
    once(() => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }))
  // Creating a formatter takes as long as a tenth of a page.
  const formats = { minute: format('minute'), hour: format('hour'), day: format('day') }
  return (seconds) => {
    const { count, unit } = wholeUnits(seconds)
    return formats[unit]().format(count)
  }
}

/** Returns the duration in the largest unit that divides it evenly, after rounding it up to whole minutes (at least one). */
export function wholeUnits(seconds: number): { count: number; unit: 'minute' | 'hour' | 'day' } {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  if (minutes % 1440 === 0) return { count: minutes / 1440, unit: 'day' }
  if (minutes % 60 === 0) return { count: minutes / 60, unit: 'hour' }
  return { count: minutes, unit: 'minute' }
}
