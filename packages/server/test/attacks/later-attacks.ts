/** Rows of groups A, C, X and O that this table does not run, and the tests that cover them. */
export const laterAttacks: Readonly<Record<string, string>> = {
  C11: 'covered in Chromium: consent-flow.browser.test.ts',
  C12: 'covered in Chromium: account-flow.browser.test.ts',
  C17: 'covered in sign-in-timing.test.ts',
  C27: 'covered in Chromium: consent-flow.browser.test.ts',
  C30: 'covered in callback-attacks.test.ts',
  C31: 'covered in callback-attacks.test.ts',
  X17: 'covered in secrets-at-rest.test.ts',
  O01: 'covered in operators/operations.test.ts',
  O04: 'covered in operators/operations.test.ts',
  O05: 'covered in timing.test.ts',
  O06: 'covered in config/require-safe-start.test.ts',
  O07: 'covered in storage/sqlite-storage.test.ts for SQLite, where triggers refuse; database role privileges require PostgreSQL',
}

const through = (group: string, last: number, missing: readonly number[]) =>
  Array.from({ length: last }, (_, index) => index + 1)
    .filter((number) => !missing.includes(number))
    .map((number) => group + String(number).padStart(2, '0'))

/** Every row of the four groups. */
export const listedAttacks: readonly string[] = [
  ...through('A', 20, [7, 9, 14, 17]),
  ...through('C', 40, [21, 28, 29]),
  ...through('X', 20, [7, 8, 15]),
  ...through('O', 8, [2]),
]
