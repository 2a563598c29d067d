/** What makes a title stand out in a terminal. */
export const emphasis = { on: '\u001b[1m', off: '\u001b[0m' } as const
