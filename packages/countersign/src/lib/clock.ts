/** Unix seconds by the system clock. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}
