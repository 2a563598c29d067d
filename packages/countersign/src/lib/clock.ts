/** Unix seconds by the system clock. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}

/** The same with fractions, to tell what came first. */
export function preciseClock(): number {
  return Date.now() / 1000
}
