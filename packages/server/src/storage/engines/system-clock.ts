/** Now, in whole Unix seconds. */
export function systemClock(): number {
  return Math.floor(Date.now() / 1000)
}
