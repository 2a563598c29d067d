/** Cuts a text that comes in pieces into lines. */
export interface LineSplitter {
  /**
   * The lines that a piece ends.
   *
   * @throws RangeError where a line is longer than may be, and nobody is told of it
   */
  take(piece: string): string[]
  /** What follows the last end of a line. */
  rest(): string
}

/** What is left of a line that was longer than may be. */
export interface CutLine {
  start: string
  end: string
}

export interface LineSplitterOptions {
  ends: RegExp
  /** Most characters of a line. */
  longest: number
  /** Told of each line that is longer, which is then passed over. */
  onCut?: ((line: CutLine) => void) | undefined
}

/** Characters that are left at either end. */
const leftOver = 1000

export function createLineSplitter({ ends, longest, onCut }: LineSplitterOptions): LineSplitter {
  let pieces: string[] = []
  let length = 0
  let cut: CutLine | undefined

  function add(piece: string): void {
    if (cut) {
      cut.end = (cut.end + piece).slice(-leftOver)
      return
    }
    pieces.push(piece)
    length += piece.length
    if (length <= longest) return
    if (!onCut) throw new RangeError('a line is too long')
    const line = pieces.join('')
    cut = { start: line.slice(0, leftOver), end: line.slice(-leftOver) }
    pieces = []
  }

  /** The line that has ended; none where it was too long. */
  function end(): string[] {
    const line = cut ? [] : [pieces.join('')]
    if (cut) onCut?.(cut)
    pieces = []
    length = 0
    cut = undefined
    return line
  }

  return {
    take(piece) {
      // What came before has no end of a line: to search it again for each piece would take minutes.
      const [first = '', ...others] = piece.split(ends)
      add(first)
      const lines = []
      for (const each of others) {
        lines.push(...end())
        add(each)
      }
      return lines
    },
    rest: () => end()[0] ?? '',
  }
}
