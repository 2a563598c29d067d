import type { en } from './en/en.js'

/** All the text on the pages, in one language. */
export type Messages = typeof en
