/** Whether a signature counter shows no copy of the key: larger than before, or never counted (WebAuthn §7.2). */
export function isCounterForward(stored: number, presented: number): boolean {
  return presented > stored || (presented === 0 && stored === 0)
}
