import { ar } from './ar.js'
import { en } from './en.js'
import type { Messages } from './messages.js'

/** The languages the pages are written in, by their subtag; the first is for everybody else. */
export const languages: Readonly<Record<string, Messages>> = { en, ar }
