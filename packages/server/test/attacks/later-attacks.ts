/** Rows of groups A, C and X that this table does not play, and where they are. */
export const laterAttacks: Readonly<Record<string, string>> = {
  C11: 'played in Chromium: consent-flow.browser.test.ts',
  C12: 'played in Chromium: account-flow.browser.test.ts',
  C17: 'played in sign-in-timing.test.ts',
  C27: 'played in Chromium: consent-flow.browser.test.ts',
  C30: 'played in callback-attacks.test.ts',
  C31: 'played in callback-attacks.test.ts',
  X17: 'played in secrets-at-rest.test.ts',
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
