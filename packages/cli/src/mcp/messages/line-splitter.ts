/** Cuts a text that comes in pieces into lines. */
export interface LineSplitter {
  /**
   * The lines that a piece ends.
   *
   * @throws RangeError where a line is longer than may be
   */
  take(piece: string): string[]
  /** What follows the last end of a line. */
  rest(): string
}

/** @param longest most characters of a line */
export function createLineSplitter(ends: RegExp, longest: number): LineSplitter {
  let pieces: string[] = []
  let length = 0
  return {
    take(piece) {
      // What came before has no end of a line: to search it again for each piece would take minutes.
      const lines = piece.split(ends)
      const last = lines.pop() ?? ''
      if (lines.length > 0) {
        lines[0] = pieces.join('') + lines[0]
        pieces = []
        length = 0
      }
      pieces.push(last)
      length += last.length
      if (length > longest) throw new RangeError('a line is too long')
      return lines
    },
    rest: () => pieces.join(''),
  }
}
