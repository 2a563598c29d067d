/** Seconds of tolerance: how long an answer may travel, and the fraction that `Date` leaves out. */
const tolerance = 5

/**
 * What is wrong with this clock, where a server refused a signature and its `Date` shows that the two clocks are further
 * apart than a signature may be old (W7).
 *
 * @param now Unix seconds, when the answer came; `window` seconds a signature may be old
 */
export function describeClockOffset(
  response: Response,
  { now, window }: { now: number; window: number },
): string | undefined {
  const offset = Math.round(now - Date.parse(response.headers.get('date') ?? '') / 1000)
  if (!(Math.abs(offset) > window - tolerance)) return undefined
  const apart = `${Math.abs(offset)} s ${offset > 0 ? 'ahead of' : 'behind'}`
  return `it is ${apart} the server, which refuses signatures that are more than ${window} s off: set it, for example with NTP`
}
