import type { Messages } from '../messages/messages.js'

interface Moment {
  /** Unix seconds. */
  at: number
  messages: Messages
}

interface Dated extends Moment {
  /** The year is omitted if it is the same as the year of this time. */
  now: number
}

/*
 * Times are written in UTC and labeled as such. The script rewrites them in the user's time zone, as `data-shows` specifies. `datetime` is
 * exact.
 */

/** A time of day. */
export function TimeOfDay({ at, messages }: Moment) {
  return (
    <time datetime={exactly(at)} data-shows="time">
      {messages.timeOfDay(at)}
    </time>
  )
}

/** A day. */
export function Day({ at, now, messages }: Dated) {
  return (
    <time datetime={exactly(at)} data-shows="day">
      {messages.day(at, now)}
    </time>
  )
}

/** A day and a time of day. */
export function DayAndTime({ at, now, messages }: Dated) {
  return (
    <time datetime={exactly(at)} data-shows="day-and-time">
      {messages.dayAndTime(at, now)}
    </time>
  )
}

/** How long ago something happened; the script updates it while the page is open. */
export function Ago({ at, now, messages }: Dated) {
  const seconds = Math.max(0, now - at)
  return (
    <time datetime={exactly(at)} data-seconds-ago={seconds}>
      {messages.ago(seconds)}
    </time>
  )
}

function exactly(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString()
}
