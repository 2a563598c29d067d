/**
 * The positions that ran, computed from V8's nested ranges: an inner range takes precedence over an outer one.
 *
 * @param {{ ranges: { startOffset: number, endOffset: number, count: number }[] }[]} functions of one script
 * @returns {number[]} pairs of start and end, in order
 */
export function coveredRanges(functions) {
  const ranges = functions.flatMap((each) => each.ranges)
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const covered = []
  const open = []
  let position = 0
  const passTo = (next) => {
    if (next > position && open.at(-1)?.count > 0) {
      if (covered.at(-1) === position) covered[covered.length - 1] = next
      else covered.push(position, next)
    }
    position = Math.max(position, next)
  }
  for (const range of ranges) {
    while (open.length > 0 && open.at(-1).endOffset <= range.startOffset) {
      passTo(open.at(-1).endOffset)
      open.pop()
    }
    passTo(range.startOffset)
    open.push(range)
  }
  while (open.length > 0) {
    passTo(open.at(-1).endOffset)
    open.pop()
  }
  return covered
}
