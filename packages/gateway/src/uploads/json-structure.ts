/** Depth from which every object is treated as an array item. */
const deepest = 64

/** The position in JSON, according to the characters outside of strings. */
export interface JsonStructure {
  /** Number of arrays and objects around the position. */
  readonly depth: number
  /** Whether the next string may be the name of a member. */
  readonly isName: boolean
  /** Whether the innermost container is an object in an array, as the requests in a batch are. */
  readonly isItem: boolean
  startString(): void
  endString(): void
  /** Returns whether a name precedes the colon. */
  readColon(): boolean
  readComma(): void
  open(isArray: boolean): void
  close(isArray: boolean): void
}

/** @param onOddity called for what strict parsers reject but lenient ones accept, such as missing commas */
export function createJsonStructure(onOddity: () => void): JsonStructure {
  let depth = 0
  /** Whether the container at each depth is an array, up to `deepest`. */
  const arrays: boolean[] = []
  let isName = true
  /** Whether a name or value is complete, so that a colon, a comma or an end must follow. */
  let isDone = false

  const isKnown = () => depth > 0 && depth < deepest

  function requireRoom(): void {
    if (isDone && isKnown()) onOddity()
    isDone = false
  }

  return {
    get depth() {
      return depth
    },
    get isName() {
      return isName
    },
    get isItem() {
      return depth >= deepest || (arrays[depth] === false && arrays[depth - 1] === true)
    },
    startString: requireRoom,
    endString() {
      isDone = true
    },
    readColon() {
      const isAfterName = isName
      if (!isAfterName || depth === 0) onOddity()
      isName = isDone = false
      return isAfterName
    },
    readComma() {
      isName = true
      isDone = false
    },
    open(isArray) {
      if (isName && isKnown() && arrays[depth] === false) onOddity()
      requireRoom()
      depth += 1
      if (depth < deepest) arrays[depth] = isArray
      isName = true
    },
    close(isArray) {
      if (isKnown() && arrays[depth] !== isArray) onOddity()
      depth = Math.max(0, depth - 1)
      isName = isDone = true
    },
  }
}
