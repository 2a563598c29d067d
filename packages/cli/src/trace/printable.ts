/** Ranges of code points that a terminal acts on instead of showing: controls but tab and line feed, and text direction. */
const unsafe = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0x200e, 0x200f],
  [0x202a, 0x202e],
  [0x2066, 0x2069],
] as const

/** A text that is safe to show in a terminal: what a stranger sent may hold sequences that move the cursor or worse. */
export function printable(text: string): string {
  let shown = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const escaped = unsafe.some(([first, last]) => code >= first && code <= last)
    shown += escaped ? `\\u${code.toString(16).padStart(4, '0')}` : character
  }
  return shown
}
