import { escapeUnit } from './escape-unit.js'

/** What a terminal acts on instead of showing it: controls but tab and line feed, what turns text around or joins it unseen, separators of lines. */
const acted = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * A text that is safe to show in a terminal: what a stranger sent may hold sequences that move the cursor, or turn words
 * around. What is escaped is escaped as in JSON, so that JSON stays JSON and means the same.
 */
export function printable(text: string): string {
  return text.replace(acted, (character) => character.split('').map(escapeUnit).join(''))
}
