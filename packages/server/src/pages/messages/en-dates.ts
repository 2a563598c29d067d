import { createFormats } from './formats.js'

/** How English writes numbers, days and times in a region; `locale` is for the script. */
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
