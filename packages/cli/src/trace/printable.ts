/** Ranges of code points that a terminal acts on, or that show nothing: controls but tab and line feed, text direction, blanks without width, tags. */
const unsafe = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x061c, 0x061c],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe007f],
] as const

const acted = new RegExp(`[${unsafe.map(([first, last]) => `\\u{${hex(first)}}-\\u{${hex(last)}}`).join('')}]`, 'gu')

/**
 * A text that is safe to show in a terminal: what a stranger sent may hold sequences that move the cursor, or turn words
 * around. What is escaped is escaped as in JSON, so that JSON stays JSON and means the same.
 */
export function printable(text: string): string {
  return text.replace(acted, (character) => character.split('').map(escape).join(''))
}

function escape(unit: string): string {
  return `\\u${hex(unit.charCodeAt(0)).padStart(4, '0')}`
}

function hex(code: number): string {
  return code.toString(16)
}
