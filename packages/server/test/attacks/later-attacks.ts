/** Rows of groups A, C and X that are not played yet, or elsewhere, and why. */
export const laterAttacks: Readonly<Record<string, string>> = {
  A16: 'later: a scope request of an agent for itself',
  A20: 'later: throttling',
  C11: 'played in Chromium: consent-flow.browser.test.ts',
  C12: 'later: the click guard, with the pages’ script',
  C16: 'later: throttling of sign-in',
  C17: 'played in sign-in-timing.test.ts',
  C24: 'later: asking for the password again',
  C27: 'played in Chromium: consent-flow.browser.test.ts',
  C30: 'played in callback-attacks.test.ts',
  C31: 'played in callback-attacks.test.ts',
  C32: 'later: remembered grants',
  C33: 'later: remembered grants',
  C34: 'later: remembered grants',
  C38: 'later: remembered grants',
  X10: 'later: refresh tokens',
  X11: 'later: refresh tokens',
  X12: 'later: refresh tokens',
  X13: 'later: refresh tokens and the page My agents',
  X14: 'later: refresh tokens',
  X16: 'later: refresh tokens',
  X17: 'played in secrets-at-rest.test.ts',
  X19: 'later: revocation of refresh tokens',
}

const through = (group: string, last: number, missing: readonly number[]) =>
  Array.from({ length: last }, (_, index) => index + 1)
    .filter((number) => !missing.includes(number))
    .map((number) => group + String(number).padStart(2, '0'))

/** Every row of the three groups. */
export const listedAttacks: readonly string[] = [
  ...through('A', 20, [7, 9, 14, 17]),
  ...through('C', 39, [21, 28, 29]),
  ...through('X', 20, [7, 8, 15]),
]
