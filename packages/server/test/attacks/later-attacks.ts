/** Rows of groups A, C, X and O that this table does not play, and where they are. */
export const laterAttacks: Readonly<Record<string, string>> = {
  C11: 'played in Chromium: consent-flow.browser.test.ts',
  C12: 'played in Chromium: account-flow.browser.test.ts',
  C17: 'played in sign-in-timing.test.ts',
  C27: 'played in Chromium: consent-flow.browser.test.ts',
  C30: 'played in callback-attacks.test.ts',
  C31: 'played in callback-attacks.test.ts',
  X17: 'played in secrets-at-rest.test.ts',
  O01: 'played in operators/operations.test.ts',
  O04: 'played in operators/operations.test.ts',
  O05: 'played in timing.test.ts',
  O06: 'played in config/require-safe-start.test.ts',
  O07: 'in storage/sqlite-storage.test.ts for SQLite, where triggers refuse; the rights of a database role come with PostgreSQL',
}

const through = (group: string, last: number, missing: readonly number[]) =>
  Array.from({ length: last }, (_, index) => index + 1)
    .filter((number) => !missing.includes(number))
    .map((number) => group + String(number).padStart(2, '0'))

/** Every row of the four groups. */
export const listedAttacks: readonly string[] = [
  ...through('A', 20, [7, 9, 14, 17]),
  ...through('C', 39, [21, 28, 29]),
  ...through('X', 20, [7, 8, 15]),
  ...through('O', 8, [2]),
]
