import type { en } from './en.js'

/** Everything the pages say, in one language. */
export type Messages = typeof en
